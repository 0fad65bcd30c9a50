"""A log file on a disk on which anything may happen to it."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from webjobs_rules.log_format import (
    ERRORS_HEADER,
    FILE_HEADER,
    LINE_HEADER,
    OFFSET_HEADER,
    LineCount,
    LogChunk,
)
from webjobs_runner.logs.log_file import LogFile

MARK = "SYS ERROR] "


def log_file(folder: Path, roll_at: int = 0) -> LogFile:
    return LogFile(
        f"{folder}/logs/job.log",
        name="job.log",
        subject="logs.job",
        instance_id="abcdef",
        state=f"{folder}/state/job.json",
        roll_at=roll_at,
    )


def ship(file: LogFile, limit: int = 1000) -> bytes:
    """Ship all there is, as the shipper does; answers it."""
    shipped = b""
    while file.sent < file.end:
        chunk = file.read_unsent(limit)
        assert chunk.data
        shipped += chunk.data
        file.acknowledge(chunk.end, file.sent_count)
    if file.is_shipped:
        file.close()
    return shipped


def test_what_is_appended_is_shipped_in_order_with_its_offsets(tmp_path: Path) -> None:
    file = log_file(tmp_path)
    assert file.is_empty and file.is_shipped
    file.append(b"one\n")
    file.append(b"two\n")
    assert file.read_unsent(6)[1:3] == (0, b"one\n")
    second = file.read_unsent(6)
    assert second == ("job.log", 4, b"two\n", LineCount(1))
    assert file.headers(second) == {
        FILE_HEADER: "job.log",
        OFFSET_HEADER: "4",
        LINE_HEADER: "2",
        ERRORS_HEADER: "0",
        "Nats-Msg-Id": "logs.job/job.log/4-8",
    }
    assert file.read_unsent(6)[1:3] == (8, b"")
    assert not file.is_empty and not file.is_shipped


@pytest.mark.parametrize("found", [None, b"", b"of others\n"])
def test_a_new_file_is_made_or_else_continued(tmp_path: Path, found: bytes | None) -> None:
    """Something may have made the file between the look at its folder and its first line."""
    path = tmp_path / "new" / "output.log"
    if found is not None:
        path.parent.mkdir()
        path.write_bytes(found)
    file = LogFile(str(path), name="output.log", subject="logs.job", instance_id="abcdef", is_new=True)
    assert file.is_empty
    file.append(b"one\n")
    file.rest()
    file.append(b"two\n")
    assert path.read_bytes() == (found or b"") + b"one\ntwo\n"
    assert file.read_unsent(100)[1:3] == (0, path.read_bytes())


def test_offsets_go_on_after_a_restart(tmp_path: Path) -> None:
    before = log_file(tmp_path)
    before.append(b"one\n")
    assert ship(before) == b"one\n"
    before.append(b"two\n")
    before.close()
    after = log_file(tmp_path)
    after.append(b"three\n")
    assert after.read_unsent(100)[1:3] == (4, b"two\nthree\n")


def test_what_a_kill_left_unremembered_is_shipped_again_with_the_same_offsets(tmp_path: Path) -> None:
    killed = log_file(tmp_path)
    killed.append(b"one\n")
    ship(killed)
    killed.append(b"two\n")
    killed.read_unsent(100)
    killed.shipped = killed.end  # and the kill comes before this is noted
    after = log_file(tmp_path)
    assert after.read_unsent(100)[1:3] == (4, b"two\n")


def test_a_large_file_is_set_aside_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    file = log_file(tmp_path, roll_at=100)
    written, shipped = b"", b""
    for number in range(200):
        line = b"line %d\n" % number
        written += line
        file.append(line)
        if number % 7 == 0:
            chunk = file.read_unsent(64)
            assert chunk.offset == len(shipped)
            shipped += chunk.data
            file.acknowledge(chunk.end, file.sent_count)
    shipped += ship(file)
    assert shipped == written
    (tmp_path / "logs" / "job.log").read_bytes()
    assert sorted(os.listdir(tmp_path / "logs")) == ["job.log", "job.log.prev"]
    kept = (tmp_path / "logs" / "job.log.prev").read_bytes() + (tmp_path / "logs" / "job.log").read_bytes()
    assert written.endswith(kept)


def test_a_file_that_is_shipped_in_time_stays_within_twice_its_limit(tmp_path: Path) -> None:
    file = log_file(tmp_path, roll_at=100)
    for number in range(500):
        file.append(b"line %d\n" % number)
        ship(file)
    assert sum(path.stat().st_size for path in (tmp_path / "logs").iterdir()) < 230


def test_a_restart_amid_the_change_of_files_finds_its_place(tmp_path: Path) -> None:
    file = log_file(tmp_path, roll_at=10)
    file.append(b"0123456789abcdef")
    state = tmp_path / "state" / "job.json"
    states: list[bytes] = []
    rename = os.rename

    def watched(old: str, new: str) -> None:
        rename(old, new)
        if new == str(state):
            states.append(state.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", watched)
        file.append(b"new")
    beginning, done = states
    for remembered in (beginning, done):
        state.write_bytes(remembered)
        after = log_file(tmp_path, roll_at=10)
        assert (after.base, after.end) == (16, 19)
        assert ship(after) == b"0123456789abcdefnew"
    # Remembered, but not renamed yet when the kill came.
    os.replace(tmp_path / "logs" / "job.log.prev", tmp_path / "logs" / "job.log")
    state.write_bytes(beginning)
    assert ship(log_file(tmp_path, roll_at=10)) == b"0123456789abcdef"


@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_that_somebody_removes_costs_at_most_what_it_held(tmp_path: Path, is_open: bool) -> None:
    file = log_file(tmp_path)
    file.append(b"one\n")
    ship(file)
    if is_open:
        file.append(b"two\n")
        file.read_unsent(100)
        file.shipped = file.end
    end = file.end
    os.unlink(tmp_path / "logs" / "job.log")
    os.rmdir(tmp_path / "logs")
    file.append(b"three\n")
    assert file.read_unsent(100)[1:3] == (end, b"three\n")
    file.shipped = file.end
    file.close()
    file.append(b"four\n")
    assert file.read_unsent(100)[1:3] == (end + 6, b"four\n")
    assert log_file(tmp_path).end == file.end


def test_a_file_that_somebody_cuts_short_goes_on_behind_what_was_there(tmp_path: Path) -> None:
    file = log_file(tmp_path)
    file.append(b"one\n")
    ship(file)
    file.append(b"two\n")
    os.truncate(tmp_path / "logs" / "job.log", 0)
    assert file.read_unsent(100)[1:3] == (4, b"")
    assert file.is_shipped
    file.append(b"three\n")
    assert file.read_unsent(100)[1:3] == (4, b"three\n")  # what was taken away unsent is no gap in the log


def test_a_file_cut_short_between_two_boots_begins_a_new_part(tmp_path: Path) -> None:
    file = log_file(tmp_path)
    file.append(b"one\n")
    ship(file)
    (tmp_path / "logs" / "job.log").write_bytes(b"x\n")
    after = log_file(tmp_path)
    after.append(b"two\n")
    assert ship(after) == b"x\ntwo\n"
    assert after.end == 10


class FullDisk:
    """Takes so many bytes, and then none."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, descriptor: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        part = bytes(data[: self.room])
        self.room -= len(part)
        return self._write(descriptor, part)


def test_lines_that_a_full_disk_refuses_are_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = log_file(tmp_path)
    file.append(b"one\n")
    disk = FullDisk(room=6)
    monkeypatch.setattr(os, "write", disk.write)
    file.append(b"two\nthree\nfour\n")  # only `two\nth` fits
    file.append(b"five\nsix\n")
    disk.room = 1000
    file.append(b"seven\n")
    file.append(b"eight\n")
    lines = ship(file).decode().splitlines()
    assert lines[:2] == ["one", "two"]  # and no part of the third
    assert lines[2].endswith(MARK + "4 lines were dropped here: they could not be written to the disk.")
    assert lines[3:] == ["seven", "eight"]
    assert (tmp_path / "logs" / "job.log").stat().st_size == file.end


@given(
    places=st.lists(st.integers(0, 500), max_size=20),
    rooms=st.lists(st.integers(0, 150), min_size=21, max_size=21),
    cap=st.integers(0, 2000),
)
@example(places=[2], rooms=[2, 1] + [0] * 19, cap=2)  # the mark of the cap ends a line, then the disk is full
@example(places=[2], rooms=[150] * 21, cap=2)
def test_each_line_is_stored_or_counted_as_dropped(places: list[int], rooms: list[int], cap: int) -> None:
    emitted = [b"%d%b;" % (number, b"." * (number * 7 % 30)) for number in range(30)]
    stream = b"".join(line + b"\n" for line in emitted)
    ends = sorted({min(place, len(stream)) for place in places} | {len(stream)})
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        file = LogFile(f"{folder}/log", name="log", subject="logs", instance_id="abcdef")
        file.room = lambda: cap - file.end
        disk = FullDisk(room=0)
        patch.setattr(os, "write", disk.write)
        for start, end, disk.room in zip([0, *ends], ends, rooms, strict=False):
            file.append(stream[start:end])
        disk.room = 10_000
        file.append(b"[mark] SYS INFO] the end\n", is_system=True)
        content = Path(folder, "log").read_bytes()
    whole = [line for line in content.splitlines() if line in emitted]
    assert len(whole) + file.dropped_lines == len(emitted)
    assert sum(map(int, re.findall(rb"(\d+) lines were dropped here: .*\.\n", content))) == file.dropped_lines
    assert content.endswith(b"\n[mark] SYS INFO] the end\n")


@pytest.mark.parametrize("cap", [0, 30, 100])
def test_beyond_its_cap_a_log_drops_and_counts_lines_but_not_those_of_the_runner(
    tmp_path: Path, cap: int
) -> None:
    file = log_file(tmp_path)
    file.room = lambda: cap - file.end
    for number in range(100):
        file.append(b"line %02d\n" % number)
    file.append(b"[mark] SYS INFO] Status changed to Success\n", is_system=True)
    lines = ship(file).decode().splitlines()
    kept = cap // 8
    assert lines[:kept] == [f"line {number:02d}" for number in range(kept)]
    assert "SYS WARN] The log has reached its limit, WEBJOBS_MAX_LOG_BYTES" in lines[kept]
    assert f"SYS WARN] {100 - kept} lines were dropped here" in lines[kept + 1]
    assert lines[kept + 2 :] == ["[mark] SYS INFO] Status changed to Success"]
    assert file.dropped_lines == 100 - kept


def test_a_cap_that_is_raised_lets_lines_in_again(tmp_path: Path) -> None:
    file, cap = log_file(tmp_path), 10
    file.room = lambda: cap - file.end
    for word in (b"one\n", b"two\n", b"three\n", b"four\n"):
        file.append(word)
    cap = 1000
    file.append(b"five\n")
    lines = ship(file).decode().splitlines()
    assert [line for line in lines if "SYS" not in line] == ["one", "two", "five"]
    assert lines[-2].endswith(
        "2 lines were dropped here: the log had reached its limit, WEBJOBS_MAX_LOG_BYTES."
    )


def test_a_disk_that_takes_nothing_at_all_does_no_other_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = log_file(tmp_path)
    disk = FullDisk(room=0)
    monkeypatch.setattr(os, "write", disk.write)
    for _ in range(3):
        file.append(b"lost\n")
    assert file.is_empty and file.is_shipped
    disk.room = 1000
    file.append(b"kept\n")
    first, second = ship(file).decode().splitlines()
    assert first.endswith("3 lines were dropped here: they could not be written to the disk.")
    assert second == "kept"


lines_of_logs = st.sampled_from([b"out\n", b"[x: ERROR] err\n", b"unfinished", b"\n", b"long " * 30 + b"\n"])
events_of_files = st.sampled_from(["ship", "send", "lose", "restart", "kill", "replace"])


@given(st.lists(st.one_of(lines_of_logs, events_of_files), max_size=30), st.sampled_from([0, 40]))
def test_each_chunk_counts_the_lines_before_it_whatever_happened(
    steps: list[bytes | str], roll_at: int
) -> None:
    with TemporaryDirectory() as folder:
        file = log_file(Path(folder), roll_at)
        log = bytearray()
        numbered_from, is_replaced = 0, False
        for step in [*steps, "ship"]:
            if isinstance(step, bytes):
                file.append(step)
                log += step
            elif step == "lose":
                file.send_again()
            elif step in ("restart", "kill", "replace"):
                if step == "restart":
                    file.close()
                if step != "replace":
                    file = log_file(Path(folder), roll_at)
                is_replaced = is_replaced or step == "replace"
                if is_replaced:  # and found to be so again, by the time at which the stream was made
                    file.ship_again()
                    numbered_from = file.sent
            else:
                while file.sent < file.end:
                    chunk = file.read_unsent(50)
                    assert chunk.before == LineCount().after(bytes(log[numbered_from : chunk.offset]))
                    assert bytes(log[chunk.offset : chunk.end]) == chunk.data
                    if step == "ship":
                        file.acknowledge(chunk.end, file.sent_count)


def test_a_log_is_continued_behind_the_newest_chunk_that_counts_its_lines(tmp_path: Path) -> None:
    """What a power cut took from the disk is in the stream only."""
    for number, (newest, offset, count) in enumerate(
        [
            (LogChunk("", 4, b"two\n", LineCount(1, 1)), 8, LineCount(2, 1)),
            (LogChunk("", 8, b"three\nfour\n", LineCount(2, 1)), 14, LineCount(3, 1)),
            (LogChunk("", 20, b"four\n", LineCount(4, 1)), 0, LineCount()),
            (LogChunk("", 4, b"two\n"), 0, LineCount()),  # of an earlier release
        ]
    ):
        file = log_file(tmp_path / str(number))
        file.append(b"one\ntwo\nthree\n")
        file.skip(newest)
        assert (file.sent, file.sent_count) == (file.shipped, file.shipped_count) == (offset, count)
