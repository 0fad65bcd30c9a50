"""The run commands that this runner handles, and the runs whose scripts it runs: constructed first."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason

from webjobs_runner.domain.attempt import Attempt


class Execution(Protocol):
    """A run whose script this runner starts, runs or ends."""

    @property
    def attempt(self) -> Attempt:
        """The attempt that is carried out."""

    @property
    def after(self) -> int:
        """Sequence that the stream of events had before the attempt."""

    @property
    def limit_changed(self) -> asyncio.Event:
        """Set when a time limit in the app settings has changed."""

    def request_end(self, reason: Reason, evidence: str) -> None:
        """Request that it end as Aborted; the first request counts."""


@dataclass(slots=True)
class _Handled:
    is_called: bool = False  # it was allowed to start while it was being handled
    has_begun: bool = False  # its attempt must not be started again


class RunRegistry:
    """Keeps which commands are handled here, and reaches the runs among them."""

    def __init__(self) -> None:
        self._handled: dict[str, _Handled] = {}  # by command id
        self._ended: set[str] = set()  # command ids of runs that this runner ends without starting them
        self._executions: set[Execution] = set()
        self._closed_with: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether runs may still start."""
        return self._closed_with is None

    def close(self, evidence: str) -> None:
        """Start no run any more, and request those that run to end because the runner stops."""
        self._closed_with = evidence
        self.request_end(Reason.HOST_SHUTDOWN, evidence)

    @contextlib.contextmanager
    def handling(self, command_id: str) -> Iterator[None]:
        """Count a command as handled here while the body runs."""
        self._handled[command_id] = _Handled()
        try:
            yield
        finally:
            del self._handled[command_id]

    def is_handled(self, command_id: str) -> bool:
        """Whether a command is handled here."""
        return command_id in self._handled

    @contextlib.contextmanager
    def ending(self, command_id: str) -> Iterator[None]:
        """While the body runs, this runner claims a command to end its run, not to start it."""
        self._ended.add(command_id)
        try:
            yield
        finally:
            self._ended.discard(command_id)

    def is_ended(self, command_id: str) -> bool:
        """Whether this runner is ending the run of a command without having started it."""
        return command_id in self._ended

    def call(self, command_id: str) -> bool:
        """Allow a command to start now; False when it is not handled here."""
        handled = self._handled.get(command_id)
        if handled is not None:
            handled.is_called = True
        return handled is not None

    def take_call(self, command_id: str) -> bool:
        """Returns whether `call` was called for a command since the last `take_call`."""
        handled = self._handled[command_id]
        is_called, handled.is_called = handled.is_called, False
        return is_called

    def has_begun(self, command_id: str) -> bool:
        """Whether the attempt of a command that is handled here may have been started."""
        return self._handled[command_id].has_begun

    @contextlib.contextmanager
    def executing(self, execution: Execution) -> Iterator[None]:
        """Reach a run while the body runs; its command counts as begun from now on."""
        handled = self._handled.get(execution.attempt.command.command_id)
        if handled is not None:
            handled.has_begun = True
        self._executions.add(execution)
        if self._closed_with is not None:
            execution.request_end(Reason.HOST_SHUTDOWN, self._closed_with)
        try:
            yield
        finally:
            self._executions.discard(execution)

    def executions(self) -> list[Execution]:
        """Returns the runs whose scripts run here."""
        return list(self._executions)

    def execution_of(self, job_name: JobName, run_id: RunId) -> Execution | None:
        """Returns the run with this id, if its script runs here."""
        for execution in self._executions:
            if (execution.attempt.job_name, execution.attempt.run_id) == (job_name, run_id):
                return execution
        return None

    def has_run_of(self, job_name: JobName) -> bool:
        """Whether the script of a run of this job runs here."""
        return any(execution.attempt.job_name == job_name for execution in self._executions)

    def request_end(self, reason: Reason, evidence: str, job_name: JobName | None = None) -> None:
        """Ask all runs, or those of one job, to end."""
        for execution in self._executions:
            if job_name is None or execution.attempt.job_name == job_name:
                execution.request_end(reason, evidence)

    def limits_changed(self) -> None:
        """Say that a time limit in the app settings has changed."""
        for execution in self._executions:
            execution.limit_changed.set()
