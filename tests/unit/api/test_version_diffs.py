"""What differs between two versions of a job: texts line by line, packages file by file, settings by key."""

import io
import re
import stat
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_api.jobs.package_diff import MAX_FILES, MAX_TEXT_BYTES, PackageUnreadable, package_diff
from webjobs_api.jobs.settings_diff import settings_diff
from webjobs_api.jobs.text_diff import LONGEST_LINE, MAX_CHANGED_LINES, text_diff
from webjobs_events.job import JobVersion

PLENTY = 10_000
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
texts = st.lists(st.sampled_from(["a", "b", "c", "", "-", "+ x"]), max_size=30).map("\n".join)


def applied(before: str, lines: list[str]) -> str:
    """A text with a unified diff applied, whose heads and context must be true of it."""
    old = before.split("\n")
    if not old[-1]:
        old.pop()
    new: list[str] = []
    place, has_end = 0, before.endswith("\n") or not before
    left = right = 0
    for number, line in enumerate(lines):
        head = _HUNK.fullmatch(line)
        if head:
            assert (left, right) == (0, 0)
            start, left, begin, right = (int(part) if part is not None else 1 for part in head.groups())
            new += old[place : start - 1 if left else start]
            place = start - 1 if left else start
            assert len(new) == (begin - 1 if right else begin)
            continue
        sign, text = line[:1], line[1:]
        if sign == "\\":
            has_end = False if lines[number - 1][:1] in "+ " else has_end
            continue
        if sign in "- ":
            assert old[place] == text
            place, left = place + 1, left - 1
        if sign in "+ ":
            new.append(text)
            right -= 1
            has_end = True if place >= len(old) else has_end
    new += old[place:]
    return "\n".join(new) + ("\n" if has_end and new else "")


@given(texts, texts)
def test_a_diff_turns_the_text_before_into_the_text_after(before: str, after: str) -> None:
    diff = text_diff(f"{before}\n", f"{after}\n", PLENTY)
    assert applied(f"{before}\n", diff.lines) == f"{after}\n"
    assert not diff.left_out
    assert bool(diff.lines) == (before != after)


def test_a_diff_reads_as_people_know_it() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 21))
    after = before.replace("line 10\n", "line ten\n").replace("line 20\n", "line 20")
    assert text_diff(before, after, PLENTY).lines == [
        "@@ -7,7 +7,7 @@",
        *(" line 7", " line 8", " line 9", "-line 10", "+line ten", " line 11", " line 12", " line 13"),
        "@@ -17,4 +17,4 @@",
        *(" line 17", " line 18", " line 19", "-line 20", "+line 20", "\\ No newline at end of file"),
    ]
    assert text_diff("", "a\n", PLENTY).lines == ["@@ -0,0 +1 @@", "+a"]


def test_a_diff_is_bounded_in_lines_and_their_length() -> None:
    cut = text_diff("", "x\n" * 50, 10)
    assert (len(cut.lines), cut.left_out) == (10, "More lines changed than are shown.")
    (_, line) = text_diff("", "y" * 5000 + "\n", PLENTY).lines
    assert len(line) == LONGEST_LINE + 2
    old, new = ("".join(f"{word} {n}\n" for n in range(MAX_CHANGED_LINES + 1)) for word in ("a", "b"))
    assert text_diff(old, new, PLENTY).left_out
    assert text_diff(old, old + new, PLENTY).left_out == ""  # added at the end: nothing to search for


def package(tmp_path: Path, name: str, files: Mapping[str, bytes | str], modes: Mapping[str, int]) -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = modes.get(file, stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    return path


def test_files_are_compared_by_content_kind_and_permission(tmp_path: Path) -> None:
    big = "x" * (MAX_TEXT_BYTES + 1)
    same = {"same.txt": "s\n", "folder/": ""}
    before = package(
        tmp_path,
        "before",
        {"run.sh": "echo 1\n", "gone.txt": "g\n", "mode.sh": "m\n", "bin": b"\0\1", "big": big, **same},
        {"link": stat.S_IFLNK | 0o777},
    )
    after = package(
        tmp_path,
        "after",
        {"run.sh": "echo 2\n", "new.txt": "n\n", "mode.sh": "m\n", "bin": b"\0\2", "big": big + "y", **same}
        | {"link": "run.sh", "latin.txt": b"\xe9"},
        {"mode.sh": stat.S_IFREG | 0o755, "link": stat.S_IFLNK | 0o777},
    )
    changes = {each.path: each for each in package_diff(before, after).files}
    assert {path: each.change for path, each in changes.items()} == {
        "big": "changed",
        "bin": "changed",
        "gone.txt": "removed",
        "latin.txt": "added",
        "link": "added",
        "mode.sh": "changed",
        "new.txt": "added",
        "run.sh": "changed",
    }
    assert changes["run.sh"].lines == ["@@ -1 +1 @@", "-echo 1", "+echo 2"]
    assert (changes["run.sh"].size_before, changes["gone.txt"].size_after) == (7, None)
    assert changes["gone.txt"].lines[-1] == "-g"
    assert changes["link"].lines[1] == "+link to run.sh"
    assert (changes["mode.sh"].lines, changes["mode.sh"].note) == ([], "It is executable now.")
    for name in ("big", "bin", "latin.txt"):
        assert "not compared by line" in changes[name].note
        assert changes[name].lines == []
    assert not package_diff(before, before).files
    assert {each.change for each in package_diff(None, after).files} == {"added"}


def test_a_change_with_the_same_size_and_sum_is_seen(tmp_path: Path) -> None:
    before = package(tmp_path, "before", {"a": "one\n"}, {})
    # The sum in the list of an archive is what its author wrote there.
    after = package(tmp_path, "after", {"a": "two\n"}, {})
    sums = [zipfile.ZipFile(path).getinfo("a").CRC.to_bytes(4, "little") for path in (before, after)]
    after.write_bytes(after.read_bytes().replace(sums[1], sums[0]))
    with pytest.raises(PackageUnreadable):
        package_diff(before, after)


def test_many_changes_are_counted_and_not_all_shown(tmp_path: Path) -> None:
    many = {f"{number:04}": "a\n" * 20 for number in range(MAX_FILES + 7)}
    diff = package_diff(None, package(tmp_path, "many", many, {}))
    assert (len(diff.files), diff.left_out) == (MAX_FILES, 7)
    assert sum(len(each.lines) for each in diff.files) <= 2000
    assert "too many lines" in diff.files[-1].note


def test_what_is_no_package_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no archive")
    with pytest.raises(PackageUnreadable):
        package_diff(None, broken)
    whole = io.BytesIO(package(tmp_path, "whole", {"a": "a" * 5000}, {}).read_bytes())
    broken.write_bytes(whole.getvalue().replace(b"a", b"", 1))
    with pytest.raises(PackageUnreadable):
        package_diff(None, broken)


def version(**facts: Any) -> JobVersion:
    return JobVersion(digest="d", script="run.sh", deployed_at=datetime(2026, 1, 1, tzinfo=UTC), **facts)


def test_settings_are_compared_by_key_and_variables_without_values() -> None:
    before = version(settings={"a": 1, "b": {"x": 1}, "c": None}, env_names=["OLD", "KEPT"], env_digest="1")
    after = version(
        settings={"b": {"x": 2}, "c": None, "d": False}, env_names=["KEPT", "NEW"], env_digest="2"
    )
    changes = [(each.key, each.change, each.before, each.after) for each in settings_diff(before, after)]
    assert changes == [
        ("a", "removed", 1, None),
        ("b", "changed", {"x": 1}, {"x": 2}),
        ("d", "added", None, False),
        ("env.NEW", "added", None, None),
        ("env.OLD", "removed", None, None),
    ]
    (values,) = settings_diff(
        version(env_names=["A"], env_digest="1"), version(env_names=["A"], env_digest="2")
    )
    assert (values.key, values.change) == ("env", "changed")
    assert settings_diff(before, before) == []
