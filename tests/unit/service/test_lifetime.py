import asyncio
import os
import signal

import pytest
from webjobs_service import lifetime
from webjobs_service.lifetime import SideTaskEnded, cancel_all, cancellable, leaves, run_service, side_tasks


def test_the_first_signal_asks_to_stop_and_the_exit_code_is_0() -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

    assert run_service(main) == 0


def test_sigint_stops_as_sigterm_does() -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait()

    assert run_service(main) == 0


def test_a_second_signal_cancels_a_stop_that_takes_long() -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    assert run_service(main) == 1


def test_a_service_that_fails_exits_with_1() -> None:
    async def main(_stop: asyncio.Event) -> None:
        raise ValueError("broken")

    assert run_service(main) == 1


def test_a_dead_side_task_ends_the_service() -> None:
    async def dies() -> None:
        raise ValueError("broken")

    async def main(stop: asyncio.Event) -> None:
        async with side_tasks(projector=dies()):
            await stop.wait()

    assert run_service(main) == 1


async def test_a_side_task_that_returns_is_named() -> None:
    async def returns() -> None:
        return

    with pytest.raises(ExceptionGroup) as raised:
        async with side_tasks(projector=returns()):
            await asyncio.Event().wait()
    assert isinstance(leaves(raised.value)[0], SideTaskEnded)
    assert "'projector'" in str(leaves(raised.value)[0])


async def test_side_tasks_end_with_the_body() -> None:
    ended = asyncio.Event()

    async def loop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with side_tasks(loop=loop()):
        await asyncio.sleep(0)  # a task cancelled before its first step would run nothing
    assert ended.is_set()


async def test_work_that_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "_CANCEL_AGAIN", 0.01)
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
        await asyncio.Event().wait()

    async with side_tasks(deaf=deaf()):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert lost == 2


async def test_cancellable_work_gives_its_result_or_its_error() -> None:
    async def gives() -> int:
        return 3

    async def fails() -> int:
        raise ValueError("broken")

    assert await cancellable(gives()) == 3
    with pytest.raises(ValueError, match="broken"):
        await cancellable(fails())


async def test_what_is_cancelled_has_ended_and_its_error_is_dropped() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("slow")

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("while it is put away")

    tasks = [asyncio.create_task(slow()), asyncio.create_task(failing())]
    await asyncio.sleep(0)  # both wait
    await cancel_all(tasks[0], None, tasks[1])
    assert (ended, [task.done() for task in tasks]) == (["slow"], [True, True])
    await cancel_all()
