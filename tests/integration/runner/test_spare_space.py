"""Journals on a disk that is really full: what is added then is there after a kill, in order."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.small_disk import SmallDisk, small_disk
from webjobs_runner.journal import Journal
from webjobs_runner.spare_space import SIZE, SpareSpace


class Record(msgspec.Struct, frozen=True):
    number: int
    text: str = "x" * 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 4) as mounted:
        yield mounted


def journal(disk: SmallDisk) -> Journal[Record]:
    return Journal(disk.path / "own" / "records.jsonl", "records", Record)


def numbers(disk: SmallDisk) -> list[int]:
    reopened = journal(disk)
    try:
        return [record.number for record, _ in reopened.open()]
    finally:
        reopened.close()


def test_records_of_a_full_disk_are_there_after_a_kill_in_order(disk: SmallDisk) -> None:
    records = journal(disk)
    records.open()
    records.append(Record(0))
    disk.fill()
    for number in range(1, 200):
        assert records.append(Record(number))
    disk.free()
    for number in range(200, 210):
        assert records.append(Record(number))
    disk.fill()
    for number in range(210, 300):
        assert records.append(Record(number))
    disk.free()
    # Without close: the runner is killed.
    assert numbers(disk) == list(range(300))


def test_what_no_longer_fits_is_said_to_be_lost_and_spoils_nothing(disk: SmallDisk) -> None:
    records = journal(disk)
    records.open()
    disk.fill()
    kept = 0
    while records.append(Record(kept)):
        kept += 1
    assert kept > 500
    disk.free()
    assert records.append(Record(kept))
    assert numbers(disk) == list(range(kept + 1))


def test_nothing_is_left_when_no_record_is_needed_any_more(disk: SmallDisk) -> None:
    records = journal(disk)
    records.open()
    disk.fill()
    for number in range(100):
        records.append(Record(number))
    records.clear()
    disk.free()
    assert numbers(disk) == []


def test_a_line_cut_short_is_none(disk: SmallDisk) -> None:
    path = disk.path / "spare"
    spare = SpareSpace(path)
    assert spare.open() == b""
    assert path.stat().st_size == SIZE
    assert spare.append(b"whole\n")
    assert spare.append(b"cut\n")
    with path.open("r+b") as file:
        file.seek(9)
        file.write(b"\0")
    spare.close()
    again = SpareSpace(path)
    assert again.open() == b"whole\n"
    assert again.append(b"next\n")
    assert again.held() == b"whole\nnext\n"
