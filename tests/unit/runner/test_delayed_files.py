import asyncio
from pathlib import Path

from webjobs_runner.logs.delayed_files import DelayedFiles
from webjobs_runner.logs.log_file import LogFile

SECONDS = 0.03


def log_file(folder: Path, name: str) -> LogFile:
    return LogFile(str(folder / name), name=name, subject="logs.x", instance_id="abcdef")


async def test_files_are_due_in_turn_each_its_time_after_it_was_added(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    files = [log_file(tmp_path, f"{number}.log") for number in range(3)]
    due: asyncio.Queue[tuple[LogFile, float]] = asyncio.Queue()
    delayed = DelayedFiles(SECONDS, lambda file: due.put_nowait((file, loop.time())))
    added = []
    for file in files:
        delayed.add(file)
        added.append(loop.time())
        await asyncio.sleep(0)
        delayed.add(file)  # a file that is delayed already is due no later
    assert list(delayed) == files
    for file, added_at in zip(files, added, strict=True):
        found, due_at = await asyncio.wait_for(due.get(), 30)
        assert found is file
        assert file not in delayed
        assert due_at >= added_at + SECONDS - 0.01  # the clock of the loop may be read a moment earlier


async def test_removed_files_are_not_due_and_do_not_hold_others_back(tmp_path: Path) -> None:
    first, second, third = (log_file(tmp_path, f"{number}.log") for number in range(3))
    due: asyncio.Queue[LogFile] = asyncio.Queue()
    delayed = DelayedFiles(SECONDS, due.put_nowait)
    for file in (first, second):
        delayed.add(file)
    delayed.discard(first)
    delayed.discard(third)
    assert list(delayed) == [second]
    assert await asyncio.wait_for(due.get(), 30) is second
    delayed.add(third)  # the timer runs anew
    assert await asyncio.wait_for(due.get(), 30) is third


async def test_after_close_nothing_is_due(tmp_path: Path) -> None:
    due: list[LogFile] = []
    delayed = DelayedFiles(SECONDS, due.append)
    delayed.add(log_file(tmp_path, "a.log"))
    delayed.close()
    delayed.close()
    later: asyncio.Queue[LogFile] = asyncio.Queue()
    DelayedFiles(SECONDS, later.put_nowait).add(log_file(tmp_path, "b.log"))
    await asyncio.wait_for(later.get(), 30)
    assert due == []
