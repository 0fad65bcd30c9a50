"""The difference of two packages: which files were added, removed and changed, and how, in bounded memory."""

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from webjobs_api.jobs.text_diff import text_diff

MAX_FILES = 500
"""That are listed."""

MAX_TEXT_BYTES = 64 * 1024
"""Of a file that is compared line by line."""

_LINES_OF_FILE = 400
_LINES = 2000  # of all files together
_PIECE_BYTES = 64 * 1024
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class PackageUnreadable(Exception):
    """A file is not the archive that a runner stored."""


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file.

    Attributes:
        path: In the job's folder.
        change: `added`, `removed` or `changed`.
        size_before: Bytes in the version before; null when it was not there.
        size_after: Bytes in this version; null when it is not there any more.
        lines: Of a unified diff without its head; none of what is no short UTF-8 text.
        note: What the lines do not show, as a sentence; empty when they show everything.
    """

    path: str
    change: str
    size_before: int | None
    size_after: int | None
    lines: list[str]
    note: str


@dataclass(frozen=True, slots=True)
class PackageDiff:
    """The files that differ, by path; and how many more there are."""

    files: list[FileChange]
    left_out: int


@dataclass(slots=True)
class _Comparison:
    before: zipfile.ZipFile | None
    after: zipfile.ZipFile
    lines_left: int = _LINES
    changes: list[FileChange] = field(default_factory=list)


def package_diff(before: Path | None, after: Path) -> PackageDiff:
    """Compare two packages; without one before, every file was added.

    Raises:
        PackageUnreadable: One of them is no package.
    """
    try:
        with ExitStack() as opened:
            comparison = _Comparison(
                opened.enter_context(zipfile.ZipFile(before)) if before else None,
                opened.enter_context(zipfile.ZipFile(after)),
            )
            return _compared(comparison)
    except _DAMAGE as error:
        raise PackageUnreadable(str(error)) from error


def _compared(comparison: _Comparison) -> PackageDiff:
    old = _files(comparison.before) if comparison.before else {}
    new = _files(comparison.after)
    left_out = 0
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one and other and _is_same(comparison, one, other):
            continue
        if len(comparison.changes) >= MAX_FILES:
            left_out += 1
            continue
        comparison.changes.append(_change(comparison, path, one, other))
    return PackageDiff(comparison.changes, left_out)


def _files(archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    return {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}


def _is_same(comparison: _Comparison, one: zipfile.ZipInfo, other: zipfile.ZipInfo) -> bool:
    facts = [(each.CRC, each.file_size, each.external_attr) for each in (one, other)]
    if facts[0] != facts[1]:
        return False
    assert comparison.before is not None
    # A sum of 32 bits alone can be kept by who wants to hide a change.
    pieces = zip(_pieces(comparison.before, one), _pieces(comparison.after, other), strict=True)
    return all(piece == other_piece for piece, other_piece in pieces)


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as source:
        while piece := source.read(_PIECE_BYTES):
            yield piece


def _change(
    comparison: _Comparison, path: str, one: zipfile.ZipInfo | None, other: zipfile.ZipInfo | None
) -> FileChange:
    old = _text(comparison.before, one)
    new = _text(comparison.after, other)
    lines: list[str] = []
    notes = [_mode_note(one, other)]
    if old is None or new is None:
        notes.append("It is not compared by line: it is no UTF-8 text, or longer than 64 KiB.")
    elif not comparison.lines_left:
        notes.append("It is not compared by line: too many lines of other files changed.")
    else:
        diff = text_diff(old, new, min(_LINES_OF_FILE, comparison.lines_left))
        lines = diff.lines
        comparison.lines_left -= min(len(lines), comparison.lines_left)
        notes.append(diff.left_out)
    return FileChange(
        path=path,
        change="added" if one is None else "removed" if other is None else "changed",
        size_before=one.file_size if one else None,
        size_after=other.file_size if other else None,
        lines=lines,
        note=" ".join(note for note in notes if note),
    )


def _text(archive: zipfile.ZipFile | None, entry: zipfile.ZipInfo | None) -> str | None:
    """The content of a file; None when it is no short text; of a link where it leads."""
    if archive is None or entry is None:
        return ""
    if entry.file_size > MAX_TEXT_BYTES:
        return None
    with archive.open(entry) as source:
        data = source.read(MAX_TEXT_BYTES + 1)
    if b"\0" in data or len(data) > MAX_TEXT_BYTES:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return f"link to {text}" if stat.S_ISLNK(entry.external_attr >> 16) else text


def _mode_note(one: zipfile.ZipInfo | None, other: zipfile.ZipInfo | None) -> str:
    if one is None or other is None:
        return ""
    executable = [bool((each.external_attr >> 16) & 0o111) for each in (one, other)]
    if executable[0] == executable[1]:
        return ""
    return "It is executable now." if executable[1] else "It is not executable any more."
