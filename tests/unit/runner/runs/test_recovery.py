"""An earlier start's runs are recovered until that succeeds, whatever the disk or NATS say meanwhile."""

import asyncio
from typing import Any, cast

import pytest
from support.commands import run_command
from webjobs_events.errors import BusUnavailable
from webjobs_events.outage import Outage
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.runs.recovery import Recovery

FULL = OSError(28, "No space left on device")
AWAY = BusUnavailable("reading", "the connection is down")


class ImpatientOutage(Outage):
    async def retry(self, work: Any, **options: Any) -> Any:
        return await super().retry(work, **{**options, "delay": 0})


class Fakes:
    """All that recovery works with; the step named `failing` raises twice."""

    def __init__(self, failing: str, error: Exception) -> None:
        self.failing, self.error, self.failures_left = failing, error, 2
        self.forgotten: list[str] = []
        self.bus = self.connection = self.instance = self.outbox = self.definitions = self.claims = self
        self.requests = self.journal = self.logs = self
        self.id = "0a0b0c"
        self.command = run_command()
        self.begun = first_attempt(self.command)
        self.after, self.digest, self.initialized_at = 0, "", None

    def _step(self, name: str) -> None:
        if name == self.failing and self.failures_left:
            self.failures_left -= 1
            raise self.error

    def outage_of(self, what: str) -> Outage:
        return ImpatientOutage(self, what)

    def warning(self, event: str, **_fields: object) -> None: ...

    info = warning

    def all(self) -> "list[Fakes]":
        return [self]

    def of(self, *_run: object) -> "Any":
        return self if len(_run) == 1 else None

    def get(self, *_job: object) -> None: ...

    async def drained(self) -> None: ...

    async def of_instance(self, _instance_id: str) -> list[object]:
        self._step("claims")
        return []

    async def skip_shipped(self) -> None:
        self._step("log")

    async def is_pending(self, _command: object) -> bool:
        return True

    async def finish_unattended(self, _run: object) -> None:
        self._step("finish")

    async def shipped(self, _timeout: object) -> None: ...

    def forget(self, command: Any) -> None:
        self._step("journal")
        self.forgotten.append(command.run_id)


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        ("log", FULL),
        ("finish", FULL),
        ("journal", FULL),
        ("log", AWAY),
        ("finish", AWAY),
        ("claims", AWAY),
    ],
)
async def test_a_run_is_recovered_though_some_tries_fail(failing: str, error: Exception) -> None:
    fakes = Fakes(failing, error)
    async with asyncio.timeout(5):
        await Recovery(cast(Any, fakes), cast(Any, fakes), cast(Any, fakes)).run()
    assert fakes.forgotten == [fakes.command.run_id]
    assert fakes.failures_left == 0
