"""Commands about definitions are carried out once, also when NATS does not confirm that they are done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from support.eventually import eventually
from webjobs_events.commands import JOB_QUEUE, CommandReply, JobCommand, ReplyCode, StopContinuousJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, QueuedMessage
from webjobs_rules.job import JobName, JobType
from webjobs_runner.jobs.job_commands import JobCommands
from webjobs_runner.jobs.job_inbox import JobInbox


class CountedCommands(JobCommands):
    """Counts what is carried out, and does nothing."""

    def __init__(self) -> None:
        self.carried_out: list[str] = []

    async def carry_out(self, command: JobCommand) -> CommandReply:
        self.carried_out.append(command.command_id)
        return CommandReply(code=ReplyCode.DONE)


class Unconfirmed:
    """NATS takes no command out of the queue until `is_over`."""

    def __init__(self, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_over = False
        self.tries = 0
        withdraw, done = bus.withdraw_command, QueuedMessage.done

        async def withdraw_command(sequence: int) -> bool:
            self.tries += 1
            if not self.is_over:
                raise BusUnavailable("withdrawing a command", "no answer")
            return await withdraw(sequence)

        async def never_done(message: QueuedMessage, timeout: float | None = None) -> bool:
            return self.is_over and await done(message, timeout)

        monkeypatch.setattr(bus, "withdraw_command", withdraw_command)
        monkeypatch.setattr(QueuedMessage, "done", never_done)


@asynccontextmanager
async def running(inbox: JobInbox) -> AsyncIterator[None]:
    task = asyncio.create_task(inbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def stop_command(number: int) -> StopContinuousJob:
    return StopContinuousJob(
        command_id=f"c{number}",
        job_type=JobType.CONTINUOUS,
        job_name=JobName("hello"),
        requested_at=datetime.now(UTC),
        requested_by="test",
    )


async def test_a_command_that_is_done_leaves_the_queue_as_soon_as_nats_confirms_it(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands, unconfirmed = CountedCommands(), Unconfirmed(bus, monkeypatch)
    command = stop_command(1)
    async with running(JobInbox(bus, commands)):
        await bus.publish_command(command)
        await eventually(lambda: unconfirmed.tries >= 2)
        unconfirmed.is_over = True
        await eventually(lambda: is_gone(bus, command))
        await bus.publish_command(stop_command(2))
        await eventually(lambda: commands.carried_out == ["c1", "c2"])


async def is_gone(bus: Bus, command: JobCommand) -> bool:
    return await bus.pending_command(command.subject(bus.subjects)) is None


async def test_a_command_that_was_delivered_again_and_is_gone_is_not_carried_out(bus: Bus) -> None:
    commands = CountedCommands()
    inbox = JobInbox(bus, commands)
    command = stop_command(1)
    taken: asyncio.Queue[QueuedMessage] = asyncio.Queue()
    queue = bus.work_queue(
        durable=JOB_QUEUE,
        filters=bus.subjects.job_commands(["stop"]),
        room=lambda: 1,
        on_message=taken.put_nowait,
    )
    taking = asyncio.create_task(queue.run())
    try:
        sequence = await bus.publish_command(command)
        await (await taken.get()).give_back(0)
        assert await bus.is_command_taken(JOB_QUEUE, sequence)
        assert not await bus.is_command_taken(JOB_QUEUE, sequence + 1)
        assert not await bus.is_command_taken("none", sequence)
        again = await taken.get()
        assert again.delivered == 2
        await bus.withdraw_command(again.sequence)
        await inbox._work(again)
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
    assert commands.carried_out == []
