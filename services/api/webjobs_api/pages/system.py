"""The page of what webjobs consists of: `GET /pages/system`: runners, queue, history, streams, refusals."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.heartbeat import DiskReport
from webjobs_events.jetstream import Bus, stream_state
from webjobs_events.queries import RunTotalsQuery, RunView
from webjobs_events.refusal import Refusal, RefusalSource
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.runs import RUNS, may_have_begun
from webjobs_api.backends.storage import STORAGE
from webjobs_api.http.keys import BUS
from webjobs_api.http.urls import Urls
from webjobs_api.pages.frame import Page, live, page_urls, show
from webjobs_api.wording.amounts import counted, size

_MOST_REFUSALS = 100
_SOURCES = {
    RefusalSource.FOLDER: "folder",
    RefusalSource.UPLOAD: "upload",
    RefusalSource.SETTINGS: "settings sent to the api",
}
_PAGE = Page(
    template="system",
    title="System",
    section="system",
    regions=("state", "runners", "refusals", "streams"),
    events="",
)


@dataclass(frozen=True, slots=True)
class PartLine:
    """A part of webjobs: whether it works, and what it says."""

    name: str
    is_fine: bool
    text: str


@dataclass(frozen=True, slots=True)
class RunnerLine:
    """A runner that is alive, with its disk in words; `free` is empty when it reports none."""

    id: str
    free: str
    reserve: str
    is_low: bool


@dataclass(frozen=True, slots=True)
class StreamLine:
    """A stream, bucket or object store; `messages` is empty when it cannot be read."""

    name: str
    purpose: str
    messages: str
    size: str
    problem: str


@dataclass(frozen=True, slots=True)
class RefusalLine:
    """What a runner refused; `url` is empty when no job is of this name."""

    job: str
    url: str
    source: str
    reason: str
    at: datetime
    runner: str


@live
async def show_system(request: web.Request) -> web.Response:
    """`GET /pages/system`: a part that is away is named, and the others are shown."""
    app, bus = request.app, request.app[BUS]
    queue, history, streams = await asyncio.gather(
        _queue(app),
        _history(app),
        asyncio.gather(*(_stream(bus, *each) for each in bus.streams.purposes.items())),
    )
    nats = bus.streams.problem() if bus.is_connected else "The connection is down."
    refusals = app[REFUSALS].all()
    names = {(each.job_type, each.job_name) for kind in JobType for each in app[DEFINITIONS].all_of(kind)}
    view = {
        "parts": [PartLine("NATS", nats is None, nats or "Connected, every stream exists."), history, queue],
        "alive": runner_lines(app[RUNNERS].alive, app[STORAGE].disks),
        "refusals": refusal_lines(refusals[:_MOST_REFUSALS], names, page_urls(request)),
        "more_refusals": max(0, len(refusals) - _MOST_REFUSALS),
        "streams": streams,
    }
    return show(request, _PAGE, view)


def runner_lines(alive: Sequence[str], disks: Mapping[str, DiskReport | None]) -> list[RunnerLine]:
    """A line for each runner that is alive."""
    lines = []
    for instance_id in alive:
        disk = disks.get(instance_id)
        if disk is None:
            lines.append(RunnerLine(instance_id, "", "", is_low=False))
        else:
            free = f"{size(disk.free)} of {size(disk.total)}"
            lines.append(RunnerLine(instance_id, free, size(disk.reserve), disk.is_low))
    return lines


def refusal_lines(
    refusals: Sequence[Refusal], names: Collection[tuple[JobType, str]], urls: Urls
) -> list[RefusalLine]:
    """A line for each refusal; it leads to the job where there is one."""
    return [
        RefusalLine(
            job=each.folder_name,
            url=urls.page(each.job_type, JobName(each.folder_name))
            if (each.job_type, each.folder_name) in names
            else "",
            source=f"{each.job_type} · {_SOURCES[each.source]}",
            reason=each.reason,
            at=each.at,
            runner=each.instance,
        )
        for each in refusals
    ]


async def _queue(app: web.Application) -> PartLine:
    try:
        queued = await app[RUNS].waiting()
        waiting = len(queued) - await _begun(app, queued)
    except WebJobsError as error:
        return PartLine("Queue", False, str(error))
    return PartLine("Queue", True, f"{counted(max(0, waiting), 'run')} waiting.")


async def _begun(app: web.Application, queued: Sequence[RunView]) -> int:
    """How many of these runs go on already: their command leaves the queue at their end."""
    if not queued:
        return 0
    query = RunTotalsQuery(failed_since=run_id_at(datetime.now(UTC)), waiting=may_have_begun(queued))
    return (await app[HISTORY].run_totals(query)).begun


async def _history(app: web.Application) -> PartLine:
    try:
        await app[HISTORY].latest_runs([])
    except WebJobsError as error:
        return PartLine("History", False, str(error))
    return PartLine("History", True, "Up to date with the stream of events.")


async def _stream(bus: Bus, name: str, purpose: str) -> StreamLine:
    try:
        state = await stream_state(bus, name)
    except WebJobsError as error:
        return StreamLine(name, purpose, "", "", str(error))
    return StreamLine(name, purpose, f"{state.messages:,}", size(state.bytes), "")
