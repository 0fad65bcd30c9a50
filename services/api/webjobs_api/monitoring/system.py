"""What webjobs consists of, and how each part is: `GET /api/system`, and the page System."""

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_events.heartbeat import DiskReport, Heartbeat
from webjobs_events.instant import Instant
from webjobs_events.jetstream import Bus, stream_state
from webjobs_events.queries import RunTotalsQuery, RunView
from webjobs_rules.errors import InvalidRunId, WebJobsError
from webjobs_rules.run_id import instant_of, parse_run_id, run_id_at
from webjobs_service.release import VERSION

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.runs import RUNS, may_have_begun
from webjobs_api.backends.storage import STORAGE
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.monitoring.all_metrics import ALL_METRICS, PartMetrics
from webjobs_api.monitoring.metrics_text import value_in

PATH = "/api/system"


class DiskJson(msgspec.Struct, frozen=True, kw_only=True):
    """The disk of a runner's site folder; below `reserve_bytes` the runner takes no new runs."""

    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    is_low: bool


class EnvironmentsJson(msgspec.Struct, frozen=True, kw_only=True):
    """The environments with packages of jobs in the site folder of a runner; null before its first look.

    Attributes:
        count: How many there are.
        bytes: Of all of them.
        cache_bytes: Of what was downloaded.
        environment_limit_bytes: That one of them may have.
        cache_limit_bytes: That downloads may have together.
        preparing: For how many jobs packages are being installed.
    """

    count: int | None
    bytes: int | None
    cache_bytes: int | None
    environment_limit_bytes: int | None
    cache_limit_bytes: int | None
    preparing: int


class RunnerJson(msgspec.Struct, frozen=True, kw_only=True):
    """A runner that is alive, or was within the last five minutes.

    Attributes:
        id: Its instance id.
        up: Whether its lease is there.
        version: Its release; null when it is away, or of a release that does not say.
        since: When it started.
        heartbeat_seconds: Since its last heartbeat; null when none came within the last 10 s.
        slots: Triggered runs that it handles at the same time.
        slots_in_use: Of these.
        continuous_jobs: That it supervises.
        events_waiting: That NATS has not acknowledged yet.
        disk: Null when it does not say.
        environments: Null when it does not say. Runners of one site folder report the same ones.
    """

    id: str
    up: bool
    version: str | None
    since: Instant | None
    heartbeat_seconds: float | None
    slots: int | None
    slots_in_use: int | None
    continuous_jobs: int | None
    events_waiting: int | None
    disk: DiskJson | None
    environments: EnvironmentsJson | None


class HistoryJson(msgspec.Struct, frozen=True, kw_only=True):
    """A history that replies, or did within the last five minutes.

    Attributes:
        instance: Its host, and its process id where several share a host; empty when none was ever seen.
        up: Whether it replied within a second.
        version: Its release; null when it is away, or of a release that does not say.
        projecting: Whether it is the one that writes the rows.
        lag_events: Events that are stored and not yet projected, by the one that projects.
    """

    instance: str
    up: bool
    version: str | None
    projecting: bool | None
    lag_events: int | None


class QueueJson(msgspec.Struct, frozen=True, kw_only=True):
    """The queue of run commands; null when it cannot be read."""

    waiting: int | None
    """Runs that have not begun."""
    begun: int | None
    """Runs that go on: their command leaves the queue at their end."""


class StreamJson(msgspec.Struct, frozen=True, kw_only=True):
    """A stream, bucket or object store on NATS; its figures are null when it cannot be read."""

    name: str
    purpose: str
    messages: int | None
    bytes: int | None
    problem: str | None


class SystemJson(msgspec.Struct, frozen=True, kw_only=True):
    """What webjobs consists of.

    Attributes:
        version: The release of the api that replies.
        host: On which it runs.
        warnings: What an operator should fix, in sentences.
        problems: Why a part cannot work, by part: `nats`, `runner`, `history`, `queue`.
        queue: Of run commands.
        runners: By their ids.
        histories: By their instances.
        streams: On NATS.
    """

    version: str
    host: str
    warnings: list[str]
    problems: dict[str, str]
    queue: QueueJson
    runners: list[RunnerJson]
    histories: list[HistoryJson]
    streams: list[StreamJson]


async def get_system(request: web.Request) -> web.Response:
    """`GET /api/system`: a part that is away is named, and the others are shown."""
    return request_context.json(await read_system(request.app))


async def read_system(app: web.Application) -> SystemJson:
    """What webjobs consists of, as far as it can be read."""
    bus = app[BUS]
    problems: dict[str, str] = {}
    nats = bus.streams.problem() if bus.is_connected else "The connection is down."
    if nats is not None:
        problems["nats"] = nats
    parts, queue, _, streams = await asyncio.gather(
        app[ALL_METRICS].parts(),
        _queue(app, problems),
        _check_history(app, problems),
        asyncio.gather(*(_stream(bus, *each) for each in bus.streams.purposes.items())),
    )
    storage = app[STORAGE]
    runners = runners_of(parts, app[RUNNERS].heartbeats, storage.disks, storage.heartbeat_ages)
    histories = histories_of(parts)
    if not app[RUNNERS].any_alive:
        problems["runner"] = "No runner is alive: nothing runs until one is back."
    return SystemJson(
        version=VERSION,
        host=socket.gethostname(),
        warnings=[*version_warnings(VERSION, runners, histories)],
        problems=dict(sorted(problems.items())),
        queue=queue,
        runners=runners,
        histories=histories,
        streams=streams,
    )


def runners_of(
    parts: Iterable[PartMetrics],
    heartbeats: Mapping[str, Heartbeat],
    disks: Mapping[str, DiskReport | None],
    ages: Mapping[str, float],
) -> list[RunnerJson]:
    """The runners whose lease is there, and those that replied a while ago, by their ids."""
    texts = {part.instance: part.text for part in parts if part.service == "runner" and part.instance}
    found = []
    for instance_id in sorted(texts.keys() | heartbeats.keys()):
        heartbeat, text = heartbeats.get(instance_id), texts.get(instance_id) or ""
        disk = disks.get(instance_id)
        found.append(
            RunnerJson(
                id=instance_id,
                up=heartbeat is not None,
                version=heartbeat.version if heartbeat else None,
                since=_started_at(heartbeat.boot) if heartbeat else None,
                heartbeat_seconds=round(ages[instance_id], 1) if instance_id in ages else None,
                slots=heartbeat.slots if heartbeat else None,
                slots_in_use=value_in(text, "webjobs_runner_slots_in_use"),
                continuous_jobs=value_in(text, "webjobs_runner_continuous_jobs"),
                events_waiting=value_in(text, "webjobs_runner_events_waiting"),
                disk=None
                if disk is None
                else DiskJson(
                    free_bytes=disk.free,
                    total_bytes=disk.total,
                    reserve_bytes=disk.reserve,
                    is_low=disk.is_low,
                ),
                environments=_environments(heartbeat),
            )
        )
    return found


def _environments(heartbeat: Heartbeat | None) -> EnvironmentsJson | None:
    report = heartbeat.environments if heartbeat else None
    if report is None:
        return None
    return EnvironmentsJson(
        count=report.count,
        bytes=report.bytes,
        cache_bytes=report.cache_bytes,
        environment_limit_bytes=report.environment_limit,
        cache_limit_bytes=report.cache_limit,
        preparing=report.preparing_count,
    )


def histories_of(parts: Iterable[PartMetrics]) -> list[HistoryJson]:
    """The histories that reply or did a while ago."""
    found = []
    for part in parts:
        if part.service != "history":
            continue
        projecting = value_in(part.text or "", "webjobs_history_projecting")
        found.append(
            HistoryJson(
                instance=part.instance,
                up=part.text is not None,
                version=part.version or None,
                projecting=None if projecting is None else projecting == 1,
                lag_events=value_in(part.text or "", "webjobs_history_lag") if projecting else None,
            )
        )
    return found


def version_warnings(
    api: str, runners: Sequence[RunnerJson], histories: Sequence[HistoryJson]
) -> Iterable[str]:
    """A sentence when parts that are up have different releases."""
    parts = {f"runner {each.id}": each.version for each in runners if each.up}
    parts |= {f"history {each.instance}": each.version for each in histories if each.up}
    others = [
        f"{name} is {version or 'of an earlier release'}" for name, version in parts.items() if version != api
    ]
    if others:
        yield f"Parts have different releases: this api is {api}, {', '.join(others)}. Upgrade all to one."


def _started_at(boot: str) -> datetime | None:
    try:
        return instant_of(parse_run_id(boot))
    except InvalidRunId:
        return None


async def _queue(app: web.Application, problems: dict[str, str]) -> QueueJson:
    try:
        queued = await app[RUNS].waiting()
        begun = await _begun(app, queued)
    except WebJobsError as error:
        problems["queue"] = str(error)
        return QueueJson(waiting=None, begun=None)
    return QueueJson(waiting=max(0, len(queued) - begun), begun=begun)


async def _begun(app: web.Application, queued: Sequence[RunView]) -> int:
    """How many of these runs go on already."""
    if not queued:
        return 0
    query = RunTotalsQuery(failed_since=run_id_at(datetime.now(UTC)), waiting=may_have_begun(queued))
    return (await app[HISTORY].run_totals(query)).begun


async def _check_history(app: web.Application, problems: dict[str, str]) -> None:
    try:
        await app[HISTORY].latest_runs([])
    except WebJobsError as error:
        problems["history"] = str(error)


async def _stream(bus: Bus, name: str, purpose: str) -> StreamJson:
    try:
        state = await stream_state(bus, name)
    except WebJobsError as error:
        return StreamJson(name=name, purpose=purpose, messages=None, bytes=None, problem=str(error))
    return StreamJson(name=name, purpose=purpose, messages=state.messages, bytes=state.bytes, problem=None)
