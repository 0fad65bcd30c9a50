"""What was prepared for a run is released once by its execution, whatever raises before the script starts."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.commands import run_command
from support.definitions import job_definition
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.processes.script_start import PreparedScript
from webjobs_runner.runs.claims import OwnAttempt
from webjobs_runner.runs.executor import RunExecution
from webjobs_runner.runs.run_registry import RunRegistry

DEFINITION = job_definition()


class Executor:
    """Fakes of all that an execution works with; the step named `raises` fails."""

    def __init__(self, raises: str) -> None:
        self.raises = raises
        self.reached: set[str] = set()
        self.releases = 0
        self.registry = RunRegistry()
        self.journal = self.logs = self.requests = self.settings = self.starter = self
        self.outbox = self.instance = self.finish = self
        self.script = SimpleNamespace(finish=lambda: None)
        self.id = "0a0b0c"

    folder = ""

    def make_folder(self) -> None: ...

    def _step(self, name: str) -> None:
        self.reached.add(name)
        if name == self.raises:
            raise OSError(28, f"no space: {name}")

    def of(self, _attempt: object) -> "Executor":
        return self

    def note(self, _run: object) -> None:
        self._step("journal")

    def of_attempt(self, _attempt: object) -> None:
        self._step("requests")

    def flag(self, _name: str) -> bool:
        self._step("settings")
        return self.raises == "stopped"

    def add(self, *_event: object, **_options: object) -> "asyncio.Future[int]":
        self._step("outbox")
        return asyncio.get_running_loop().create_future()

    def write_system(self, *_line: object) -> None:
        self._step("log")

    def hurry(self) -> None: ...

    def record(self, *_ended: object) -> None:
        self._step("record")

    async def prepare(self, *_definition: object, **_options: object) -> PreparedScript:
        return PreparedScript(["sh"], "/", {}, "sh", self._release, "", False, ())

    def _release(self) -> None:
        self.releases += 1

    async def begin(self, prepared: PreparedScript, *_readers: object) -> None:
        self.reached.add("begin")
        prepared.release()
        raise OSError(2, "no such program")


def execution_of(executor: Executor) -> RunExecution:
    own = OwnAttempt(first_attempt(run_command("job")), 0, 0.0)
    return RunExecution(cast(Any, executor), own, DEFINITION)


@pytest.mark.parametrize(
    "raises", ["journal", "requests", "settings", "outbox", "log", "record", "stopped", "begin"]
)
async def test_a_prepared_script_is_released_once(raises: str) -> None:
    executor = Executor(raises)
    execution = execution_of(executor)
    await asyncio.sleep(0)  # it is prepared
    try:
        await execution.carry_out()
    except OSError as error:
        assert raises in str(error)
    assert executor.releases == 1
    assert {"stopped": "settings"}.get(raises, raises) in executor.reached


async def test_a_run_that_is_cancelled_before_its_start_releases_once() -> None:
    executor = Executor("")
    execution = execution_of(executor)
    await asyncio.sleep(0)
    execution.request_end(Reason.CANCELLED, "test")
    await execution.carry_out()
    await execution.drop()
    assert executor.releases == 1
