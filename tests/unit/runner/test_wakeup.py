import asyncio

from webjobs_runner.continuous.wakeup import Wakeup


async def test_a_poke_before_the_sleep_is_not_lost() -> None:
    wakeup = Wakeup()
    wakeup.set()
    await asyncio.wait_for(wakeup.wait(), 30)


async def test_a_sleeper_is_woken_once_and_sleeps_again_after_a_clear() -> None:
    wakeup = Wakeup()
    sleeper = asyncio.create_task(wakeup.wait())
    await asyncio.sleep(0)
    wakeup.set()
    wakeup.set()
    await asyncio.wait_for(sleeper, 30)
    wakeup.clear()
    again = asyncio.create_task(wakeup.wait())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    wakeup.set()
    await asyncio.wait_for(wakeup.wait(), 30)
