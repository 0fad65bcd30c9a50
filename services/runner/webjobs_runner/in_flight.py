"""Commands taken from a queue: each is kept from being delivered again until its task has ended."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable

from webjobs_events.jetstream import KEEP_SECONDS, Bus, QueuedMessage, TakenMessage
from webjobs_service.lifetime import cancel_all


class InFlightCommands:
    """A durable queue and the tasks that work on what was taken from it.

    Args:
        bus: To NATS.
        durable: Name of the queue's consumer.
        filters: Subjects of the commands.
        room: How many more may be taken now.
        on_message: Gets each message; `hold` starts its task.
        waiting: Messages that were taken and have no task yet; they are kept too.
    """

    def __init__(
        self,
        bus: Bus,
        durable: str,
        filters: list[str],
        *,
        room: Callable[[], int],
        on_message: Callable[[QueuedMessage], None],
        waiting: Callable[[], Iterable[TakenMessage]] = tuple,
    ) -> None:
        self._tasks: dict[TakenMessage, asyncio.Task[None]] = {}
        self._taking: asyncio.Task[None] | None = None
        self._is_open = True
        self._has_messages = asyncio.Event()
        self._durable = durable
        self._waiting = waiting

        def receive(message: QueuedMessage) -> None:
            self._has_messages.set()
            on_message(message)

        self._queue = bus.work_queue(
            durable=durable,
            filters=filters,
            room=lambda: room() if self._is_open else 0,
            on_message=receive,
        )

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def is_open(self) -> bool:
        """Whether more may be taken."""
        return self._is_open

    def hold(self, message: TakenMessage, work: Coroutine[None, None, None]) -> None:
        """Start a task for a message, which is kept until the task has ended."""
        self._tasks[message] = task = asyncio.create_task(work)
        self._has_messages.set()
        task.add_done_callback(lambda _: self._forget(message))

    def room_changed(self) -> None:
        """Take as many as there is room for now."""
        self._queue.room_changed()

    async def run(self) -> None:
        """Take commands until cancelled; the queue delivers those with an unfinished task again."""
        self._taking = asyncio.create_task(self._queue.run(), name=f"queue of {self._durable}")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    self._watch_queue(self._taking), name=f"watch of the queue of {self._durable}"
                )
                group.create_task(self._keep(), name=f"keeper of {self._durable}")
        finally:
            self._is_open = False  # the end of a task makes room, in which none may start
            await cancel_all(self._taking, *self._tasks.values())

    async def stop_taking(self) -> None:
        """Take no more; tasks that run go on."""
        self._is_open = False
        await cancel_all(self._taking)

    async def finish(self, patience_seconds: float, *, cancel_seconds: float = 0.0) -> list[TakenMessage]:
        """Wait for the tasks; returns the messages of those that took longer, which are cancelled.

        Args:
            patience_seconds: How long they may take.
            cancel_seconds: How long the cancelled ones may take to end.
        """
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=patience_seconds)
        unfinished = dict(self._tasks)
        for task in unfinished.values():
            task.cancel()
        if unfinished and cancel_seconds:
            await asyncio.wait(unfinished.values(), timeout=cancel_seconds)
        return list(unfinished)

    async def _watch_queue(self, taking: "asyncio.Task[None]") -> None:
        """Fail with the queue, but not when it is closed."""
        try:
            await asyncio.shield(taking)
        except asyncio.CancelledError:
            if self._is_open:
                raise

    def _forget(self, message: TakenMessage) -> None:
        self._tasks.pop(message, None)
        self._queue.room_changed()

    async def _keep(self) -> None:
        while True:
            await self._has_messages.wait()
            await asyncio.sleep(KEEP_SECONDS)
            kept = [*self._tasks, *self._waiting()]
            if not kept:
                self._has_messages.clear()
            for message in kept:
                await message.keep()
