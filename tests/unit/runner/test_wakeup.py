import asyncio

from webjobs_runner.continuous.wakeup import Wakeup


async def test_a_poke_before_the_sleep_is_not_lost() -> None:
    poke = Wakeup()
    poke.set()
    await asyncio.wait_for(poke.wait(), 1)


async def test_a_sleeper_is_woken_once_and_sleeps_again_after_a_clear() -> None:
    poke = Wakeup()
    sleeper = asyncio.create_task(poke.wait())
    await asyncio.sleep(0)
    poke.set()
    poke.set()
    await asyncio.wait_for(sleeper, 1)
    poke.clear()
    again = asyncio.create_task(poke.wait())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    poke.set()
    await asyncio.wait_for(poke.wait(), 1)
