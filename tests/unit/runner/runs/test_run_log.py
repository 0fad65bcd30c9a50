"""The log of a run: its two files, what the final event says about them, and how they are shipped."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.commands import run_command
from support.memory_bucket import MemoryBus
from support.run_events import succeeded
from webjobs_events.errors import BusUnavailable
from webjobs_rules.log_format import LineCount, LogChunk, chunk_headers
from webjobs_rules.run_id import RunId
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.logs import log_file
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.runs.run_log import RunLog, RunLogs

ATTEMPT = first_attempt(run_command("job"))
RUN = ATTEMPT.run_id
OUTPUT, ERROR = f"output_{RUN}.log", f"error_{RUN}.log"


class Runner:
    """A runner of which the log files are real; `grown` and `waited_for` have what the shipper was told."""

    def __init__(self, folder: Path, max_log_bytes: int = 0) -> None:
        self.bus = MemoryBus()
        self.grown: list[str] = []
        self.waited_for: list[tuple[str, float | None]] = []
        cap = LogCap(cast(Any, SimpleNamespace(integer=lambda *_: max_log_bytes)))
        site = cast(Any, SimpleNamespace(run_path=lambda job, run_id: f"{folder}/{job}/{run_id}"))
        instance = Instance("abcdef", "1")
        self.logs = RunLogs(cast(Any, self.bus), instance, cast(Site, site), cast(Any, self), cap)

    def note(self, file: LogFile) -> None:
        self.grown.append(file.name)

    async def shipped(self, file: LogFile, timeout: float | None) -> bool:
        self.waited_for.append((file.name, timeout))
        return False

    def log(self, attempt: Attempt = ATTEMPT) -> RunLog:
        return self.logs.of(attempt)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """That of the run; there is one of its job only."""
    (tmp_path / "job").mkdir()
    return tmp_path / "job" / RUN


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def texts(file: Path) -> list[str]:
    """Its lines without their marks."""
    return [line.partition("] ")[2] for line in file.read_text().splitlines()]


async def test_all_lines_are_in_one_file_and_those_of_standard_error_in_a_second_one_too(
    runner: Runner, folder: Path
) -> None:
    log = runner.log()
    log.write_system("Status changed to Running")
    log.script.on_stdout(b"hello\n")
    assert not log.has_errors and not (folder / ERROR).exists()
    log.script.on_stderr(b"oops\n")
    assert log.has_errors
    assert texts(folder / OUTPUT) == ["Status changed to Running", "hello", "oops"]
    assert texts(folder / ERROR) == ["oops"]
    assert sorted(set(runner.grown)) == [ERROR, OUTPUT]


def test_the_log_of_a_new_run_makes_its_folder_and_its_file_and_looks_nothing_up(
    runner: Runner, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted_calls(monkeypatch) as calls:
        log = runner.log()
        log.write_system("one")
        log.write_system("two")
        output, error = log.files
        chunk = output.read_unsent(1000)
        output.acknowledge(chunk.end, LineCount())
        output.rest()
    assert calls == {"mkdir": 1, "open": 1, "close": 1}
    assert (chunk.offset, chunk.data.count(b"\n"), output.is_shipped, error.is_empty) == (0, 2, True, True)
    assert os.listdir(folder) == [OUTPUT]


@pytest.mark.parametrize("is_asked_before", [False, True])
def test_the_log_of_an_earlier_start_is_continued(
    runner: Runner, folder: Path, is_asked_before: bool
) -> None:
    folder.mkdir()
    (folder / OUTPUT).write_bytes(b"before\n")
    log = runner.log()
    if is_asked_before:
        assert log.files[0].end == 7
    with capture_logs() as logs:
        log.write_system("after")
    assert logs == [], "nothing has changed the file from outside"
    written = (folder / OUTPUT).read_bytes()
    assert written.startswith(b"before\n[") and written.endswith(b"] after\n")
    assert log.files[0].read_unsent(1000).data == written


def test_each_attempt_has_a_log_of_its_own(runner: Runner, folder: Path) -> None:
    second = ATTEMPT.after(RunId("202601020304060000"), None)
    runner.log().write_system("one")
    runner.log(second).write_system("two")
    assert texts(folder.parent / second.run_id / f"output_{second.run_id}.log") == ["two"]
    assert runner.log(second).files[0].subject.endswith(second.run_id)


def test_the_folder_of_the_job_is_made_anew_when_it_is_missing(runner: Runner, folder: Path) -> None:
    folder.parent.rmdir()
    runner.log().write_system("line")
    assert texts(folder / OUTPUT) == ["line"]


def test_looking_at_a_log_that_was_never_written_makes_nothing(runner: Runner, folder: Path) -> None:
    assert not runner.log().has_errors
    assert not folder.exists()


async def test_a_log_that_the_disk_does_not_take_fails_nothing_and_its_lines_are_counted(
    runner: Runner, folder: Path
) -> None:
    folder.write_bytes(b"in the way")
    log = runner.log()
    log.script.on_stderr(b"one\ntwo\n")
    end = log.with_sizes(succeeded(ATTEMPT))
    assert (end.output_log_bytes, end.error_log_bytes, end.dropped_lines) == (0, 0, 2)


async def test_the_final_event_says_how_large_the_log_is_and_counts_a_dropped_line_once(
    tmp_path: Path, folder: Path
) -> None:
    log = Runner(tmp_path, max_log_bytes=300).log()
    log.script.on_stderr(b"x" * 50 + b"\n")
    for line in (b"one\n", b"two\n", b"three\n") * 10:
        log.script.on_stderr(line)
    log.script.on_stdout(b"four\n")
    log.write_system("Status changed to Success")
    end = log.with_sizes(succeeded(ATTEMPT))
    sizes = (folder / OUTPUT).stat().st_size, (folder / ERROR).stat().st_size
    assert (end.output_log_bytes, end.error_log_bytes) == sizes
    *lines, last = texts(folder / OUTPUT)
    kept = sum(line in ("x" * 50, "one", "two", "three", "four") for line in lines)
    assert (kept + (end.dropped_lines or 0), last) == (32, "Status changed to Success")
    assert 0 < kept < 32


async def test_of_an_earlier_start_it_is_not_known_how_many_lines_were_dropped(
    runner: Runner, folder: Path
) -> None:
    folder.mkdir()
    (folder / OUTPUT).write_bytes(b"before\n")
    log = runner.log()
    await log.skip_shipped()
    for dropped_lines in (None, 3):
        end = log.with_sizes(replace(succeeded(ATTEMPT), dropped_lines=dropped_lines))
        assert (end.output_log_bytes, end.error_log_bytes, end.dropped_lines) == (7, 0, dropped_lines)


@pytest.mark.parametrize(
    ("lines", "first_error"),
    [
        pytest.param([(1, b"fine\n"), (1, b"[ERROR] oops\n"), (2, b"worse\n")], 2, id="text like a mark"),
        pytest.param([(1, b"fine\n" * 30), (2, b"oops\n" * 30)], 31, id="standard error, in many chunks"),
        pytest.param([(1, b"ERROR: none\n"), (1, b"unfinished")], None, id="no line of that level"),
        pytest.param([], None, id="nothing"),
    ],
)
async def test_the_final_event_has_the_lines_and_the_first_error_that_readers_find_in_the_chunks(
    runner: Runner, lines: list[tuple[int, bytes]], first_error: int | None
) -> None:
    log, event = runner.log(), succeeded(ATTEMPT)
    for stream, text in lines:
        (log.script.on_stdout if stream == 1 else log.script.on_stderr)(text)
    log.script.finish()
    output, stored, found, is_whole = log.files[0], LineCount(), None, False
    while not is_whole:  # however much of it was sent
        end = log.with_sizes(event)
        assert end.log_lines == sum(text.count(b"\n") or 1 for _, text in lines)
        assert end.first_error_line == first_error
        chunk = output.read_unsent(200)
        found, stored = found or stored.first_error(chunk.data), stored.after(chunk.data)
        is_whole = not chunk.data
    assert (stored.lines, found) == (end.log_lines, first_error)


async def test_of_an_earlier_start_the_first_error_is_not_known_so_no_lines_are_given(
    runner: Runner, folder: Path
) -> None:
    folder.mkdir()
    (folder / OUTPUT).write_bytes(b"[ERROR] one\ntwo\n")
    log = runner.log()
    log.files[0].skip(LogChunk(OUTPUT, 12, b"two\n", LineCount(1, 1)))
    event = log.with_sizes(succeeded(ATTEMPT))
    assert (event.output_log_bytes, event.log_lines, event.first_error_line) == (16, None, None)
    recorded = replace(event, log_lines=2, first_error_line=1)
    assert log.with_sizes(recorded) == recorded, "nothing of the log was lost since it was recorded"
    shorter = log.with_sizes(replace(recorded, output_log_bytes=99))
    assert (shorter.output_log_bytes, shorter.log_lines, shorter.first_error_line) == (16, None, None)
    log.files[0].ship_again()
    event = log.with_sizes(event)
    assert (event.log_lines, event.first_error_line) == (2, 1)


async def test_the_lines_of_a_log_that_is_mostly_unsent_are_not_counted(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "_MOST_READ", 1000)
    log = runner.log()
    log.script.on_stdout(b"line\n" * 100)
    assert log.with_sizes(succeeded(ATTEMPT)).log_lines is None
    while log.files[0].end - log.files[0].sent > 1000:
        log.files[0].read_unsent(500)
    assert log.with_sizes(succeeded(ATTEMPT)).log_lines == 100


@pytest.mark.parametrize(
    ("name", "offset", "data", "before", "shipped"),
    [
        pytest.param(OUTPUT, 7, b"two\n", LineCount(1), (11, 0), id="the rest of the output"),
        pytest.param(ERROR, 0, b"oops\n", LineCount(), (0, 5), id="the output again"),
        pytest.param(OUTPUT, 7, b"two\nthat are lost\n", LineCount(1), (16, 0), id="no more than is there"),
        pytest.param(OUTPUT, 7, b"two\n", None, (0, 0), id="all: an earlier release counted no lines"),
        pytest.param("other.log", 7, b"two\n", LineCount(1), (0, 0), id="all: the stream has none of it"),
    ],
)  # fmt: skip
async def test_after_a_restart_that_is_shipped_which_the_stream_may_not_have(
    runner: Runner,
    folder: Path,
    name: str,
    offset: int,
    data: bytes,
    before: LineCount | None,
    shipped: tuple[int, int],
) -> None:
    folder.mkdir()
    (folder / OUTPUT).write_bytes(b"before\ntwo\noops\n")
    (folder / ERROR).write_bytes(b"oops\n")
    log = runner.log()
    runner.bus.store(log.files[0].subject, data, chunk_headers(name, offset, before))
    await log.skip_shipped()
    assert tuple(file.shipped for file in log.files) == shipped
    assert tuple(file.sent for file in log.files) == shipped


async def test_a_log_of_which_the_stream_has_nothing_is_shipped_whole(runner: Runner, folder: Path) -> None:
    folder.mkdir()
    (folder / OUTPUT).write_bytes(b"before\n")
    log = runner.log()
    await log.skip_shipped()
    assert log.files[0].shipped == 0
    runner.bus.is_away = True
    with pytest.raises(BusUnavailable):
        await log.skip_shipped()


async def test_the_end_of_a_log_is_waited_for_in_both_files_if_both_have_something(runner: Runner) -> None:
    log = runner.log()
    log.write_system("line")
    await log.shipped(0.5)
    assert runner.waited_for == [(OUTPUT, 0.5)]
    log.script.on_stderr(b"oops\n")
    await log.shipped(None)
    assert runner.waited_for[1:] == [(OUTPUT, None), (ERROR, None)]


@contextmanager
def counted_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often the body calls functions that concern files and folders, by name."""
    calls: Counter[str] = Counter()
    with monkeypatch.context() as patched:
        for name in ("stat", "fstat", "mkdir", "open", "close", "listdir"):
            patched.setattr(os, name, _counting(calls, name, getattr(os, name)))
        yield calls


def _counting(calls: Counter[str], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counting(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        return call(*args, **kwargs)

    return counting
