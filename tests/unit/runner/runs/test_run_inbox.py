"""Commands are taken as slots allow; a slot is held by a script, and what follows its end needs none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from support.eventually import eventually
from webjobs_events.subjects import Subjects
from webjobs_runner.runs.run_inbox import RunInbox


class Message:
    """A command that was taken, named by its subject; `given_back` has the delays with which it went back."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.given_back: list[float] = []

    async def give_back(self, delay_seconds: float) -> None:
        self.given_back.append(delay_seconds)


class Runner:
    """A runner of which only the inbox is real, and the queue, which hands out commands while there is room.

    Attributes:
        queue: Commands that no runner has.
        scripts: The handled commands whose scripts run; the value ends one, and raises in its handler.
        unsettled: The commands whose scripts have ended; the value settles one.
        patience: As `close` asks for it, once all scripts have ended.
    """

    def __init__(self, slots: int, *commands: str) -> None:
        self.subjects = Subjects()
        self.queue = [Message(each) for each in commands]
        self.messages = {each.subject: each for each in self.queue}
        self.scripts: dict[str, asyncio.Future[None]] = {}
        self.unsettled: dict[str, asyncio.Future[None]] = {}
        self.has_room = True
        self.patience = 0.0
        self.scripts_at_patience: list[str] | None = None
        self._wake = asyncio.Event()
        self.inbox = RunInbox(cast(Any, self), slots, cast(Any, self._handle), lambda: self.has_room)

    def work_queue(self, *, room: Callable[[], int], on_message: Callable[[Any], None], **_: Any) -> "Runner":
        self._room, self._on_message = room, on_message
        return self

    def room_changed(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        while True:
            while self.queue and self._room() > 0:
                self._on_message(self.queue.pop(0))
            await self._wake.wait()
            self._wake.clear()

    async def _handle(self, message: Message, free: Callable[[], None]) -> None:
        for step in (self.scripts, self.unsettled):
            step[message.subject] = asyncio.get_running_loop().create_future()
            try:
                await step[message.subject]
            finally:
                del step[message.subject]
            free()

    async def end(self, command: str) -> None:
        """Let a script end, and all that is caused by it happen."""
        self.scripts[command].set_result(None)
        await turns()

    async def settle(self, command: str) -> None:
        self.unsettled[command].set_result(None)
        await turns()

    def close(self) -> "asyncio.Task[None]":
        def patience() -> float:
            self.scripts_at_patience = list(self.scripts)
            return self.patience

        return asyncio.create_task(self.inbox.close(patience))


async def turns() -> None:
    """Let the loop run until nothing but timers and the test is left to run; each step takes a turn."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[Runner]:
    task = asyncio.create_task(runner.inbox.run())
    await turns()
    try:
        yield runner
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def left(runner: Runner) -> list[str]:
    return [message.subject for message in runner.queue]


async def test_as_many_scripts_run_as_there_are_slots_and_two_more_commands_are_ready() -> None:
    async with running(Runner(2, "a", "b", "c", "d", "e")) as runner:
        assert (list(runner.scripts), left(runner), runner.inbox.busy) == (["a", "b"], ["e"], 2)
        await runner.end("b")
        assert (list(runner.scripts), left(runner), runner.inbox.busy) == (["a", "c"], [], 2)


async def test_a_slot_is_free_when_the_script_has_ended_and_is_freed_once() -> None:
    async with running(Runner(1, "a", "b", "c", "d", "e")) as runner:
        await runner.end("a")
        assert (list(runner.unsettled), list(runner.scripts)) == (["a"], ["b"])
        await runner.settle("a")  # its handler returns, and has called `free` twice
        assert (list(runner.scripts), runner.inbox.busy) == (["b"], 1)


async def test_what_a_handler_raises_gives_the_command_back_and_frees_the_slot() -> None:
    async with running(Runner(1, "a", "b")) as runner:
        with capture_logs() as logs:
            runner.scripts["a"].set_exception(LookupError("made to fail"))
            await turns()
        assert runner.messages["a"].given_back == [5.0]
        assert list(runner.scripts) == ["b"]
        assert [(line["log_level"], line["subject"]) for line in logs] == [("error", "a")]


async def test_commands_for_which_no_slot_is_freed_in_time_are_left_to_another_runner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webjobs_runner.runs.run_inbox._HOARD_SECONDS", 0.01)
    async with running(Runner(1, "a", "b", "c")) as runner:
        await eventually(lambda: runner.messages["c"].given_back, interval=0)
        assert [runner.messages[each].given_back for each in "abc"] == [[], [0.05], [0.05]]
        await runner.end("a")
        assert list(runner.scripts) == [], "what was given back is not started"


async def test_the_time_of_a_command_that_found_a_slot_ends_that_of_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webjobs_runner.runs.run_inbox._HOARD_SECONDS", 0.01)
    async with running(Runner(1, "a", "b")) as runner:
        await runner.end("a")
        monkeypatch.setattr("webjobs_runner.runs.run_inbox._HOARD_SECONDS", 60)
        runner.queue.append(late := Message("late"))
        runner.room_changed()
        is_over = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, is_over.set)  # later than the time of "b" would be
        await is_over.wait()
        await turns()
        assert (list(runner.scripts), left(runner), late.given_back) == (["b"], [], [])


async def test_without_room_on_the_disk_nothing_is_taken_and_nothing_starts() -> None:
    async with running(Runner(1, "a", "b")) as runner:
        runner.has_room = False
        runner.queue.append(Message("c"))
        await runner.end("a")
        assert (list(runner.scripts), left(runner)) == ([], ["c"])
        assert not runner.inbox.offer(cast(Any, Message("found")))
        runner.has_room = True
        runner.inbox.room_changed()
        await turns()
        assert (list(runner.scripts), left(runner)) == (["b"], [])


async def test_no_more_scripts_start_while_too_many_ended_ones_are_unsettled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webjobs_runner.runs.run_inbox._MOST_FINISHING", 2)
    async with running(Runner(1, "a", "b")) as runner:
        await runner.end("a")
        await runner.end("b")
        runner.queue.append(Message("c"))
        runner.room_changed()
        await turns()
        assert (list(runner.scripts), left(runner), runner.inbox.busy) == ([], ["c"], 0)
        assert not runner.inbox.offer(cast(Any, Message("found")))
        await runner.settle("a")
        assert list(runner.scripts) == ["c"]


async def test_a_command_that_was_looked_up_starts_if_a_slot_is_free() -> None:
    async with running(Runner(1)) as runner:
        assert runner.inbox.offer(cast(Any, Message("found")))
        assert not runner.inbox.offer(cast(Any, Message("too many")))
        await turns()
        assert list(runner.scripts) == ["found"]


async def test_a_runner_that_stops_takes_no_more_and_counts_patience_from_the_end_of_its_scripts() -> None:
    async with running(Runner(2, "a", "b", "c", "d", "e")) as runner:
        runner.patience = 60
        closing = runner.close()
        await runner.end("a")
        assert [runner.messages[each].given_back for each in "abcd"] == [[], [], [0], [0]]
        assert (left(runner), runner.inbox.offer(cast(Any, Message("found")))) == (["e"], False)
        assert runner.scripts_at_patience is None
        await runner.end("b")
        assert runner.scripts_at_patience == [] and not closing.done()
        await runner.settle("a")
        await runner.settle("b")
        assert closing.done() and runner.scripts == {}


async def test_what_follows_a_script_is_left_to_the_next_start_when_patience_ends() -> None:
    async with running(Runner(1, "a")) as runner:
        await runner.end("a")
        await runner.close()
        await turns()
        assert runner.unsettled == {} and runner.messages["a"].given_back == []


async def test_no_script_starts_when_a_runner_is_cancelled() -> None:
    runner = Runner(1, "a", "b", "c", "d")
    async with running(runner):
        pass
    await turns()
    assert runner.scripts == {} and left(runner) == ["d"]
    assert not runner.inbox.offer(cast(Any, Message("found")))
