"""The page of what webjobs consists of: `GET /pages/system`: parts, runners, streams, refusals."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from webjobs_events.refusal import Refusal, RefusalSource
from webjobs_rules.amounts import counted, size
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.http.urls import Urls
from webjobs_api.monitoring.system import EnvironmentsJson, HistoryJson, SystemJson, read_system
from webjobs_api.pages import terminal
from webjobs_api.pages.frame import live, page_urls, show
from webjobs_api.pages.page import Page

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
    """A part of webjobs: whether it works, what it says, and its release where it is known."""

    name: str
    is_fine: bool
    text: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class RunnerLine:
    """A runner with its figures in words; those that it does not report are empty."""

    id: str
    is_up: bool
    version: str
    slots: str
    free: str
    reserve: str
    is_low: bool
    environments: str
    downloads: str
    preparing: str


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
    app = request.app
    system = await read_system(app)
    refusals = app[REFUSALS].all()
    names = {(each.job_type, each.job_name) for kind in JobType for each in app[DEFINITIONS].all_of(kind)}
    view = {
        "warnings": system.warnings,
        "parts": list(part_lines(system)),
        "runner_lines": list(runner_lines(system)),
        "any_alive": any(each.up for each in system.runners),
        "refusals": refusal_lines(refusals[:_MOST_REFUSALS], names, page_urls(request)),
        "more_refusals": max(0, len(refusals) - _MOST_REFUSALS),
        "streams": list(stream_lines(system)),
    }
    return show(request, _PAGE, {**view, "in_terminal": terminal.of_system})


def part_lines(system: SystemJson) -> Iterator[PartLine]:
    """A line for NATS, each history, the queue, and this api."""
    problems, queue = system.problems, system.queue
    nats = problems.get("nats")
    yield PartLine("NATS", nats is None, nats or "Connected, every stream exists.")
    history = problems.get("history")
    yield PartLine("History", history is None, history or _reads(system.histories), _only(system.histories))
    if len([each for each in system.histories if each.up]) > 1:
        for each in system.histories:
            yield PartLine(f"History {each.instance}", each.up, _does(each), each.version or "")
    waiting = problems.get("queue") or f"{counted(queue.waiting or 0, 'run')} waiting."
    yield PartLine("Queue", "queue" not in problems, waiting)
    yield PartLine("Api", True, f"This one, on {system.host}.", system.version)


def runner_lines(system: SystemJson) -> Iterator[RunnerLine]:
    """A line for each runner."""
    for each in system.runners:
        disk, packages = each.disk, each.environments
        used = "?" if each.slots_in_use is None else each.slots_in_use
        yield RunnerLine(
            id=each.id,
            is_up=each.up,
            version=each.version or "",
            slots="" if each.slots is None else f"{used} of {each.slots}",
            free=f"{size(disk.free_bytes)} of {size(disk.total_bytes)}" if disk else "",
            reserve=size(disk.reserve_bytes) if disk else "",
            is_low=disk is not None and disk.is_low,
            environments=_environments(packages),
            downloads=_downloads(packages),
            preparing=f"prepares {counted(packages.preparing, 'job')}"
            if packages and packages.preparing
            else "",
        )


def stream_lines(system: SystemJson) -> Iterator[StreamLine]:
    """A line for each stream."""
    for each in system.streams:
        messages = "" if each.messages is None else f"{each.messages:,}"
        taken = "" if each.bytes is None else size(each.bytes)
        yield StreamLine(each.name, each.purpose, messages, taken, each.problem or "")


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


def _environments(packages: EnvironmentsJson | None) -> str:
    """How many environments of packages a runner has; empty when it does not say."""
    if packages is None or packages.count is None or packages.bytes is None:
        return ""
    return f"{counted(packages.count, 'environment')}, {size(packages.bytes)}" if packages.count else "none"


def _downloads(packages: EnvironmentsJson | None) -> str:
    """How much of what may be kept was downloaded; empty when the runner does not say."""
    if packages is None or packages.cache_bytes is None or packages.cache_limit_bytes is None:
        return ""
    return f"downloads {size(packages.cache_bytes)} of {size(packages.cache_limit_bytes)}"


def _reads(histories: Sequence[HistoryJson]) -> str:
    """What is known of a history that replies to queries."""
    lag = next((each.lag_events for each in histories if each.lag_events), 0)
    return f"{counted(lag, 'event')} behind the stream." if lag else "Up to date with the stream of events."


def _does(history: HistoryJson) -> str:
    if not history.up:
        return "It does not reply."
    return "Writes the rows, and replies to queries." if history.projecting else "Replies to queries."


def _only(histories: Sequence[HistoryJson]) -> str:
    """The release of the histories that are up, when there is one."""
    versions = {each.version or "" for each in histories if each.up}
    return versions.pop() if len(versions) == 1 else ""
