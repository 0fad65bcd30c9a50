"""Runs of jobs that may have several commands in the queue: which of them may begin, and which have to go."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, InvalidToken
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition, JobName, JobType
from webjobs_events.job_settings import Concurrency, ConcurrencyPolicy
from webjobs_events.status import Reason
from webjobs_events.subjects import name_of

from webjobs_runner.domain.concurrency import is_turn_of, to_be_replaced
from webjobs_runner.jobs.definitions import Definitions, JobKey, settings_of
from webjobs_runner.log import logger
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.queue_lookup import FoundCommand, all_runs_of, oldest_runs_of

_LEAST_DELAY = 1.0  # seconds until a command in line is looked at again; mostly it is called before
_MOST_DELAY = 30.0
_LOOKS_A_SECOND = 50  # at a long line, by all runners together
_FRESH_SECONDS = 0.25  # for which a look at a long line serves those at its end
_RETRY_DELAY = 1.0


class ConcurrencyLimits:
    """Looks at the line of a job's commands.

    A job with the plain policy (one run, refused beyond) has one subject in the queue, and no line. Only the
    others cost a look; so do those that had another policy until a moment ago, for what they had accepted
    is in the queue still.
    """

    def __init__(self, bus: Bus, definitions: Definitions, wishes: CancelRequests) -> None:
        self._bus = bus
        self._definitions = definitions
        self._wishes = wishes
        self._lined_up: set[JobName] = set()
        self._ends_of_lines: dict[JobName, tuple[float, int, float]] = {}
        self._has_looked = False
        self._look_again = asyncio.Event()
        self._look_again.set()
        self.on_change: Callable[[JobName], None] = lambda _job_name: None
        """Told when a job's policy may be another one, and somebody's turn may have come by that."""
        definitions.on_change(self._defined)

    async def run(self) -> None:
        """Find the lines that are there at the start, and after each break, until cancelled."""
        unhook = self._bus.connection.on_reconnect(self._reconnected)
        try:
            while True:
                await self._look_again.wait()
                self._look_again.clear()
                try:
                    await self._find_lines()
                    self._has_looked = not self._look_again.is_set()
                except BusUnavailable:
                    self._look_again.set()
                    await asyncio.sleep(_RETRY_DELAY)
        finally:
            unhook()

    def is_in_line(self, command: RunTriggeredJob) -> bool:
        """Whether others of its job may be in the queue with it; until we have looked, they may be."""
        if command.slot:
            self._lined_up.add(command.job_name)
        return not self._has_looked or command.job_name in self._lined_up

    def has_line(self, job_name: JobName) -> bool:
        """Whether a job may have several commands in the queue."""
        return job_name in self._lined_up

    async def delay_of(
        self, command: RunTriggeredJob, sequence: int, definition: JobDefinition | None
    ) -> float | None:
        """None when it is a command's turn; else seconds after which to look again.

        With the policy `replace` those that keep it from its turn are wished away.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        concurrency = _concurrency(definition)
        at_once = concurrency.at_once
        if at_once is None:
            return None
        looked_at, end, delay = self._ends_of_lines.get(command.job_name, (0.0, 0, 0.0))
        is_far = time.monotonic() - looked_at < _FRESH_SECONDS and sequence > end
        if not is_far:
            line = await oldest_runs_of(self._bus, command.job_name, 2 * at_once)
            if is_turn_of(sequence, line.sequences, at_once):
                return None
            is_far = sequence not in line.sequences
            delay = _delay(line.more) if is_far else _LEAST_DELAY
            if is_far and line.commands:
                self._ends_of_lines[command.job_name] = time.monotonic(), line.sequences[-1], delay
        if concurrency.policy is ConcurrencyPolicy.REPLACE:
            await self._replace(command, sequence, at_once)
            return _LEAST_DELAY
        return delay

    async def next_of(self, job_name: JobName) -> list[tuple[FoundCommand, RunTriggeredJob]]:
        """The commands of a job whose turn it is, those that are begun included.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        definition = self._definitions.get(JobType.TRIGGERED, job_name)
        at_once = _concurrency(definition).at_once
        if at_once is None:
            return []
        line = await oldest_runs_of(self._bus, job_name, at_once)
        return [(FoundCommand(self._bus, message), command) for message, command in line.commands[:at_once]]

    def _reconnected(self) -> None:
        self._has_looked = False
        self._look_again.set()

    async def _replace(self, command: RunTriggeredJob, sequence: int, at_once: int) -> None:
        line = await all_runs_of(self._bus, command.job_name)
        runs = {message.sequence: each.run_id for message, each in line.commands}
        evidence = f"Replaced by the run {command.run_id}."
        wish = CancelRequest(reason=Reason.REPLACED, evidence=evidence, requested_at=datetime.now(UTC))
        for old in to_be_replaced(sequence, line.sequences, at_once):
            if self._wishes.of(command.job_name, runs[old]) is None:
                await self._wishes.make(command.job_name, runs[old], wish)

    async def _find_lines(self) -> None:
        patterns = [pattern for pattern in self._bus.subjects.run_commands if pattern.endswith(".run.*")]
        for subject in await self._bus.pending_subjects(patterns):
            try:
                self._lined_up.add(name_of(subject.split(".")[3]))
            except InvalidToken:
                logger.error("command of no job left alone", subject=subject)

    def _defined(self, key: JobKey, definition: JobDefinition | None) -> None:
        job_type, job_name = key
        if job_type is JobType.TRIGGERED and definition is not None:
            concurrency = _concurrency(definition)
            if concurrency.policy is not ConcurrencyPolicy.REJECT or concurrency.at_once != 1:
                self._lined_up.add(job_name)
            self.on_change(job_name)


def _delay(line_length: int) -> float:
    return min(_MOST_DELAY, max(_LEAST_DELAY, line_length / _LOOKS_A_SECOND))


def _concurrency(definition: JobDefinition | None) -> Concurrency:
    """The policy of a job; when it is deleted, its runs all go at once, for none of them starts a script."""
    if definition is None:
        return Concurrency(policy=ConcurrencyPolicy.ALLOW)
    return settings_of(definition).concurrency
