import asyncio
from pathlib import Path

import pytest
from webjobs_runner.logs import new_logs
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.logs.new_logs import NewLogs


@pytest.fixture(autouse=True)
def short_time_to_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_logs, "GATHER_SECONDS", 0.03)


def log_file(folder: Path, name: str) -> LogFile:
    return LogFile(str(folder / name), name=name, subject="logs.x", instance_id="abcdef")


async def test_files_are_due_in_turn_each_its_time_after_it_was_added(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    files = [log_file(tmp_path, f"{number}.log") for number in range(3)]
    due: asyncio.Queue[tuple[LogFile, float]] = asyncio.Queue()
    new = NewLogs(lambda file: due.put_nowait((file, loop.time())))
    added = []
    for file in files:
        new.add(file)
        added.append(loop.time())
        await asyncio.sleep(0)
        new.add(file)  # a file that gathers already is due no later
    for file, added_at in zip(files, added, strict=True):
        found, due_at = await asyncio.wait_for(due.get(), 10)
        assert found is file
        assert file not in new
        assert due_at >= added_at + 0.02  # the clock of the loop may be read a moment earlier


async def test_discarded_files_are_not_due_and_do_not_hold_others_back(tmp_path: Path) -> None:
    first, second, third = (log_file(tmp_path, f"{number}.log") for number in range(3))
    due: asyncio.Queue[LogFile] = asyncio.Queue()
    new = NewLogs(due.put_nowait)
    for file in (first, second):
        new.add(file)
    new.discard(first)
    new.discard(third)
    assert first not in new and second in new
    assert await asyncio.wait_for(due.get(), 10) is second
    new.add(third)  # the timer runs anew
    assert await asyncio.wait_for(due.get(), 10) is third


async def test_after_close_nothing_is_due(tmp_path: Path) -> None:
    due: list[LogFile] = []
    new = NewLogs(due.append)
    new.add(log_file(tmp_path, "a.log"))
    new.close()
    later: asyncio.Queue[LogFile] = asyncio.Queue()
    NewLogs(later.put_nowait).add(log_file(tmp_path, "b.log"))
    await asyncio.wait_for(later.get(), 10)
    assert due == []
