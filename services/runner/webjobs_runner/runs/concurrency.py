"""Applies the concurrency policy and limit of a job to its runs in the queue."""

import asyncio
import time
from datetime import UTC, datetime

from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, InvalidToken
from webjobs_events.jetstream import Bus, Definitions, JobKey, TakenMessage
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import name_of
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import Concurrency, ConcurrencyPolicy
from webjobs_rules.status import Reason

from webjobs_runner.domain.concurrency import may_start, replaced_by
from webjobs_runner.jobs.settings import settings_of
from webjobs_runner.log import logger
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.queue_lookup import FoundCommand, all_runs_of, oldest_runs_of
from webjobs_runner.runs.queue_signals import QueueSignals
from webjobs_runner.runs.run_registry import RunRegistry

_LEAST_DELAY = 1.0  # seconds until a queued command is delivered again; mostly it is called before
_MOST_DELAY = 30.0
_LOOKUPS_PER_SECOND = 50  # at a long queue, by all runners together
_FRESH_SECONDS = 0.25  # for which a look at a long queue serves the commands at its end
_RETRY_DELAY = 1.0


class ConcurrencyLimits:
    """Says which commands of a job may start now.

    A job with the default policy (one run, more are refused) has one subject in the queue, and nothing to
    look up. Only the others cost a lookup; so do those that had another policy until a moment ago, for the
    commands accepted under it are in the queue still.
    """

    def __init__(
        self,
        bus: Bus,
        definitions: Definitions,
        requests: CancelRequests,
        signals: QueueSignals,
        registry: RunRegistry,
    ) -> None:
        self._bus = bus
        self._definitions = definitions
        self._requests = requests
        self._signals = signals
        self._registry = registry
        self._ends_of_queues: dict[JobName, tuple[float, int, float]] = {}
        self._has_read = False
        self._recheck = asyncio.Event()
        self._recheck.set()
        definitions.on_change(self._defined)

    async def run(self) -> None:
        """Find the jobs with several commands at the start, and after each break, until cancelled."""
        outage = self._bus.connection.outage_of("search for jobs with queued runs")
        unhook = self._bus.connection.on_reconnect(self._reconnected)
        try:
            while True:
                await self._recheck.wait()
                await outage.retry(self._look)
        finally:
            unhook()

    async def _look(self) -> None:
        self._recheck.clear()
        await self._find_queueing_jobs()
        self._has_read = not self._recheck.is_set()

    async def admit(self, command: RunTriggeredJob, message: TakenMessage) -> bool:
        """Whether a command may start now; if not, it is given back.

        A command that was looked up was found to be next already.
        """
        if isinstance(message, FoundCommand) or not self._may_have_to_wait(command):
            return True
        while True:
            self._registry.take_call(command.command_id)
            try:
                definition = await self._definitions.newest(JobType.TRIGGERED, command.job_name)
                delay = await self._delay_of(command, message.sequence, definition)
            except BusUnavailable:
                delay = _RETRY_DELAY
            if delay is None:
                return True
            if not self._registry.take_call(command.command_id):
                await message.give_back(delay)
                return False

    async def next_of(self, job_name: JobName) -> list[tuple[FoundCommand, RunTriggeredJob]]:
        """Returns the commands of a job that may start or have started, oldest first.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        limit = _concurrency(self._definitions.get(JobType.TRIGGERED, job_name)).at_once
        if limit is None:
            return []
        queued = await oldest_runs_of(self._bus, job_name, limit)
        return [(FoundCommand(self._bus, message), command) for message, command in queued.commands[:limit]]

    def _may_have_to_wait(self, command: RunTriggeredJob) -> bool:
        """Whether others of its job may be in the queue before it; until we have looked, they may be."""
        if command.slot:
            self._signals.watch(command.job_name)
        return not self._has_read or self._signals.is_watched(command.job_name)

    async def _delay_of(
        self, command: RunTriggeredJob, sequence: int, definition: JobDefinition | None
    ) -> float | None:
        """Seconds after which to look again; None: the command may start.

        With the policy `replace`, those before it are requested to end.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        concurrency = _concurrency(definition)
        limit = concurrency.at_once
        if limit is None:
            return None
        read_at, end, delay = self._ends_of_queues.get(command.job_name, (0.0, 0, 0.0))
        is_far = time.monotonic() - read_at < _FRESH_SECONDS and sequence > end
        if not is_far:
            queued = await oldest_runs_of(self._bus, command.job_name, 2 * limit)
            if may_start(sequence, queued.sequences, limit):
                return None
            is_far = sequence not in queued.sequences
            delay = _delay(queued.more) if is_far else _LEAST_DELAY
            if is_far and queued.commands:
                self._ends_of_queues[command.job_name] = time.monotonic(), queued.sequences[-1], delay
        if concurrency.policy is ConcurrencyPolicy.REPLACE:
            await self._replace(command, sequence, limit)
            return _LEAST_DELAY
        return delay

    async def _replace(self, command: RunTriggeredJob, sequence: int, limit: int) -> None:
        queued = await all_runs_of(self._bus, command.job_name)
        runs = {message.sequence: each.run_id for message, each in queued.commands}
        evidence = f"Replaced by the run {command.run_id}."
        request = CancelRequest(reason=Reason.REPLACED, evidence=evidence, requested_at=datetime.now(UTC))
        for old in replaced_by(sequence, queued.sequences, limit):
            if self._requests.of(command.job_name, runs[old]) is None:
                await self._requests.make(command.job_name, runs[old], request)

    async def _find_queueing_jobs(self) -> None:
        patterns = [pattern for pattern in self._bus.subjects.run_commands if pattern.endswith(".run.*")]
        for subject in await self._bus.pending_subjects(patterns):
            try:
                self._signals.watch(name_of(subject.split(".")[3]))
            except InvalidToken:
                logger.error("command of no job left alone", subject=subject)

    def _reconnected(self) -> None:
        self._has_read = False
        self._recheck.set()

    def _defined(self, key: JobKey, definition: JobDefinition | None) -> None:
        job_type, job_name = key
        if job_type is JobType.TRIGGERED and definition is not None:
            concurrency = _concurrency(definition)
            if concurrency.policy is not ConcurrencyPolicy.REJECT or concurrency.at_once != 1:
                self._signals.watch(job_name)
            self._signals.job_changed(job_name)


def _delay(commands: int) -> float:
    return min(_MOST_DELAY, max(_LEAST_DELAY, commands / _LOOKUPS_PER_SECOND))


def _concurrency(definition: JobDefinition | None) -> Concurrency:
    """The policy of a job; when it is deleted, its runs all go at once, for none of them starts a script."""
    if definition is None:
        return Concurrency(policy=ConcurrencyPolicy.ALLOW)
    return settings_of(definition).concurrency
