import asyncio

from support.eventually import pause
from webjobs_runner.logs.answer_watch import AnswerWatch

SECONDS = 0.05


class Watched:
    def __init__(self) -> None:
        self.overdue: asyncio.Queue[float] = asyncio.Queue()
        self.watch = AnswerWatch(SECONDS, lambda: self.overdue.put_nowait(self.now))

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()


async def until_others_would_be_overdue() -> None:
    """Until a watch that begins now reports."""
    later = Watched()
    later.watch.expect()
    await asyncio.wait_for(later.overdue.get(), 30)


async def test_what_is_not_answered_is_overdue_once() -> None:
    watched = Watched()
    began = watched.now
    watched.watch.expect()
    watched.watch.expect()
    assert await asyncio.wait_for(watched.overdue.get(), 30) >= began + SECONDS - 0.01
    assert watched.watch.is_overdue
    await until_others_would_be_overdue()
    assert watched.overdue.empty()
    watched.watch.reset()
    assert not watched.watch.is_overdue
    watched.watch.expect()
    await asyncio.wait_for(watched.overdue.get(), 30)


async def test_what_is_answered_or_given_up_is_not_overdue() -> None:
    watches = [Watched() for _ in range(3)]
    for watched in watches:
        watched.watch.expect()
    watches[0].watch.came(more=False)
    watches[1].watch.reset()
    watches[2].watch.close()
    await until_others_would_be_overdue()
    assert all(watched.overdue.empty() and not watched.watch.is_overdue for watched in watches)
    watches[0].watch.expect()
    await asyncio.wait_for(watches[0].overdue.get(), 30)


async def test_each_answer_gives_the_next_one_its_full_time() -> None:
    watched = Watched()
    watched.watch.expect()
    answered_at = 0.0
    for _ in range(5):
        await pause(SECONDS / 4, "the pace of the answers")
        answered_at = watched.now
        watched.watch.came(more=True)
    assert await asyncio.wait_for(watched.overdue.get(), 30) >= answered_at + SECONDS - 0.01
