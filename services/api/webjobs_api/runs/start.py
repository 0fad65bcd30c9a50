"""Starts runs of triggered jobs: one publish, and nothing else on the way while all is well."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiohttp import web
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, CommandRefused
from webjobs_events.jetstream import Bus, LiveSettings, QueryRefused
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import token_of
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import Concurrency, ConcurrencyPolicy, read_job_settings
from webjobs_rules.run_id import RunId, RunIdMint
from webjobs_rules.status import is_terminal
from webjobs_rules.trace import Trace

from webjobs_api.backends.known_job import require_readable
from webjobs_api.backends.runners import Runners
from webjobs_api.backends.runs import Runs
from webjobs_api.backends.storage import Storage
from webjobs_api.http.if_running import IfRunning
from webjobs_api.http.job_errors import JobNotEnabled, JobsAreStopped
from webjobs_api.http.run_errors import RunAlreadyInProgress

_ENDING = 2.0  # seconds in which the command of a run that has ended leaves the queue
_RETRY_DELAY = 0.005  # seconds
_PLAIN = Concurrency()
_JOIN_SLOT = "join"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request for a run.

    Attributes:
        definition: Of the job, which exists.
        arguments: As given; None when there are none.
        requested_by: Who asks.
        trace: To which the run belongs.
        rerun_of: The run whose inputs are taken again; None when they are its own.
        if_running: What becomes of the request when the job runs already.
    """

    definition: JobDefinition
    arguments: str | None
    requested_by: str
    trace: Trace
    rerun_of: RunId | None = None
    if_running: IfRunning = IfRunning.FAIL


@dataclass(frozen=True, slots=True)
class Started:
    """The run that a request gets; `is_joined` when another request started it."""

    run_id: RunId
    is_joined: bool = False


class Invocations:
    """Starts runs; how many of one job there may be at once, the queue itself and the runners see to."""

    def __init__(
        self, bus: Bus, runs: Runs, runners: Runners, storage: Storage, settings: LiveSettings
    ) -> None:
        self._bus = bus
        self._runs = runs
        self._runners = runners
        self._storage = storage
        self._settings = settings
        self._mint = RunIdMint()

    @property
    def are_stopped(self) -> bool:
        """Whether WEBJOBS_STOPPED holds every job back."""
        return self._settings.flag("WEBJOBS_STOPPED")

    async def start(self, asked: RunRequest, now: datetime) -> Started:
        """Put a run into the queue, or with `join` return the one there is.

        Raises:
            UnreadableDefinition: The job's stored definition cannot be read.
            JobNotEnabled: The job's own settings keep it from running.
            JobsAreStopped: By the setting.
            NoSpaceLeft: No runner has room on its disk; nothing was queued.
            NoRunnerAlive: No runner would run it; nothing was queued.
            RunAlreadyInProgress: The job runs, and refuses another run meanwhile.
            BusUnavailable: NATS does not answer.
        """
        return await self.send(self.command(asked, now), asked)

    def new_id(self, now: datetime) -> RunId:
        """An id for a run that is requested by other means than `start`."""
        return self._mint.next(now)

    def command(self, asked: RunRequest, now: datetime) -> RunTriggeredJob:
        """The command that asks for a new run."""
        name, run_id = asked.definition.job_name, self._mint.next(now)
        return RunTriggeredJob(
            command_id=f"run/{token_of(name)}/{run_id}",
            job_type=JobType.TRIGGERED,
            job_name=name,
            requested_at=now,
            requested_by=asked.requested_by,
            traceparent=asked.trace.traceparent,
            tracestate=asked.trace.tracestate,
            run_id=run_id,
            arguments=asked.arguments,
            rerun_of=asked.rerun_of,
        )

    async def send(self, command: RunTriggeredJob, asked: RunRequest) -> Started:
        """Put a command into the queue, on the subject that its job's policy and the request want.

        Raises: As `start`.
        """
        definition = asked.definition
        require_readable(definition)
        if definition.settings.get("enabled") is False:
            raise JobNotEnabled(definition.job_name)
        if self.are_stopped:
            raise JobsAreStopped
        self._storage.require_room()
        await self._runners.require_one()
        concurrency = _concurrency(definition)
        at_once = concurrency.at_once or 1
        if asked.if_running is IfRunning.JOIN:
            rejects = concurrency.policy is ConcurrencyPolicy.REJECT
            joined = await self._send_or_join(command, _slot(1, at_once) if rejects else _JOIN_SLOT, at_once)
            if joined is not None:
                return Started(joined, is_joined=True)
        elif concurrency.policy is not ConcurrencyPolicy.REJECT:
            await self._publish(msgspec.structs.replace(command, slot=command.run_id))
        elif asked.if_running is IfRunning.QUEUE:
            await self._send_or_queue(command, at_once)
        else:
            await self._send_or_refuse(command, at_once)
        self._runs.started(command.job_name, command.run_id)
        return Started(command.run_id)

    async def _send_or_join(self, command: RunTriggeredJob, slot: str, at_once: int) -> RunId | None:
        """Publish unless the job has an unfinished run; returns the newest of these, None when published.

        All requests that join use one slot, so of two at the same time the queue refuses one, which then
        finds the run of the other.
        """
        give_up_at = asyncio.get_running_loop().time() + _ENDING
        while True:
            found = await self._newest_unfinished(command.job_name)
            if found is not None:
                return None if found == command.run_id else found
            if await self._publish(msgspec.structs.replace(command, slot=slot)):
                return None
            if asyncio.get_running_loop().time() > give_up_at:
                raise RunAlreadyInProgress(command.job_name, at_once)
            await asyncio.sleep(_RETRY_DELAY)

    async def _newest_unfinished(self, job_name: JobName) -> RunId | None:
        """The newest run of a job that waits or goes on; its present attempt."""
        for command in reversed(await self._runs.commands(job_name)):
            run_id: RunId | None = command.run_id
            while run_id is not None:
                try:
                    run = await self._runs.find(job_name, run_id)
                except (BusUnavailable, QueryRefused):
                    return run_id  # its command is in the queue, so it is probably not over
                if run is None or not is_terminal(run.status):
                    return run_id
                run_id = run.next_run_id
        return None

    async def _send_or_queue(self, command: RunTriggeredJob, at_once: int) -> None:
        """Publish as a plain command while the job does not run, else behind the commands there are."""
        if at_once > 1 or not await self._publish(command):
            await self._publish(msgspec.structs.replace(command, slot=command.run_id))

    async def _send_or_refuse(self, command: RunTriggeredJob, at_once: int) -> None:
        """Publish on a subject that is free, when there is one; a run that is just ending counts as ended."""
        give_up_at = asyncio.get_running_loop().time() + _ENDING
        async for slot in self._slots(command.job_name, at_once):
            if await self._publish(msgspec.structs.replace(command, slot=slot) if slot else command):
                return
            if asyncio.get_running_loop().time() > give_up_at:
                break
        raise RunAlreadyInProgress(command.job_name, at_once)

    async def _slots(self, job_name: JobName, at_once: int) -> AsyncIterator[str]:
        """Slots to be tried: those that the queue shows to be free.

        The only slot of a plain job is tried without looking: the queue refuses it when any run is there.
        """
        if at_once == 1:
            yield ""
        while True:
            waiting = await self._runs.commands(job_name)
            taken = {command.slot for command in waiting}
            free = [slot for slot in (_slot(n, at_once) for n in range(1, at_once + 1)) if slot not in taken]
            if len(waiting) < at_once and free:
                yield random.choice(free)
            elif await self._is_one_ending(waiting):
                await asyncio.sleep(_RETRY_DELAY)
                yield (free or [_slot(1, at_once)])[0]
            else:
                return

    async def _publish(self, command: RunTriggeredJob) -> bool:
        """Publish; False when another command holds the subject. One's own is as good as published."""
        try:
            await self._bus.publish_command(command)
        except CommandRefused:
            held_by = await self._runs.commands(command.job_name)
            return any(each.command_id == command.command_id for each in held_by)
        return True

    async def _is_one_ending(self, waiting: list[RunTriggeredJob]) -> bool:
        """Whether one of these runs is over, and only its command has not left the queue yet."""
        try:
            runs = [await self._runs.find(each.job_name, each.run_id) for each in waiting]
        except (BusUnavailable, QueryRefused):
            return False
        return any(run is not None and is_terminal(run.status) and run.next_run_id is None for run in runs)


def _slot(number: int, at_once: int) -> str:
    """A job that takes one run at a time has one subject without a slot."""
    return str(number) if at_once > 1 else ""


def _concurrency(definition: JobDefinition) -> Concurrency:
    if "concurrency" not in definition.settings:
        return _PLAIN
    try:
        return read_job_settings(definition.settings).concurrency
    except InvalidJobSettings:  # stored by a release that took what this one refuses
        return _PLAIN


INVOCATIONS = web.AppKey("invocations", Invocations)
