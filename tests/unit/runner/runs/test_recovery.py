"""An earlier start's runs are recovered until that succeeds, whatever the disk or NATS say meanwhile."""

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from support.commands import run_command
from support.eventually import eventually
from support.memory_bucket import ImpatientOutage
from webjobs_events.errors import BusUnavailable
from webjobs_events.outage import Outage
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.runs import recovery
from webjobs_runner.runs.recovery import Recovery

FULL = OSError(28, "No space left on device")
UNEXPECTED = ValueError("a value of a later release")
AWAY = BusUnavailable("reading", "the connection is down")


class Fakes:
    """All that recovery works with; the step named `failing` raises twice."""

    def __init__(self, failing: str, error: Exception) -> None:
        self.failing, self.error, self.failures_left = failing, error, 2
        self.forgotten: list[str] = []
        self.claimed: list[Any] = []
        self.aborted: list[str] = []
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
        return self.claimed

    def is_own(self, claim: str) -> bool:
        return claim == "of this start"

    async def abort_all(self, runs: Iterable[Any]) -> None:
        self.aborted += [run.run_id for run in runs]

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
        ("log", UNEXPECTED),
        ("finish", UNEXPECTED),
        ("claims", UNEXPECTED),
    ],
)
async def test_a_run_is_recovered_though_some_tries_fail(
    failing: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_FAILURE_DELAY", 0)
    fakes = Fakes(failing, error)
    with capture_logs() as lines:
        async with asyncio.timeout(30):
            await Recovery(cast(Any, fakes), cast(Any, fakes), cast(Any, fakes)).run()
    assert len([line for line in lines if line["log_level"] == "error"]) == (2 if error is UNEXPECTED else 0)
    assert fakes.forgotten == [fakes.command.run_id]
    assert fakes.failures_left == 0


async def test_a_run_that_is_claimed_and_not_in_the_journal_is_aborted_as_orphaned() -> None:
    fakes = Fakes("", FULL)
    fakes.claimed = [
        SimpleNamespace(run_id="unjournaled", claim="of an earlier start"),
        SimpleNamespace(run_id=fakes.command.run_id, claim="of an earlier start"),
        SimpleNamespace(run_id="taken since", claim="of this start"),
    ]
    await Recovery(cast(Any, fakes), cast(Any, fakes), cast(Any, fakes)).run()
    assert fakes.aborted == ["unjournaled"]


async def test_a_run_that_cannot_be_recovered_holds_up_no_other_and_is_tried_again_after_a_pause() -> None:
    fakes = Fakes("finish", UNEXPECTED)
    fakes.failures_left = 1
    fakes.claimed = [SimpleNamespace(run_id="unjournaled", claim="of an earlier start")]
    with capture_logs() as lines:
        task = asyncio.create_task(Recovery(cast(Any, fakes), cast(Any, fakes), cast(Any, fakes)).run())
        await eventually(lambda: fakes.aborted)
        assert not task.done() and fakes.forgotten == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    errors = [line for line in lines if line["log_level"] == "error"]
    assert [line["run_id"] for line in errors] == [fakes.command.run_id]
