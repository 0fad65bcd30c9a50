"""The versions of a job as its page shows them, and what differs between two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import msgspec
from webjobs_events.job import JobDefinition, JobVersion
from webjobs_rules.amounts import counted, size

from webjobs_api.jobs.package_diff import FileChange
from webjobs_api.jobs.settings_diff import SettingChange
from webjobs_api.jobs.version_diff import VersionDiffJson
from webjobs_api.pages.formats import short_digest

MAX_FILES = 50
"""Whose lines are shown."""

_KINDS = {"-": "del", "+": "add", "@": "head", "\\": "head"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version in the list.

    Attributes:
        digest: Names it.
        short: The beginning of that.
        at: When it was deployed.
        by: Who deployed it, and what it consists of, in words.
        is_current: Whether the job runs it.
        is_kept: Whether its files are kept.
        changes: Query of the page that shows what it changed; empty when nothing can be shown.
        compared: Query of the page that shows what restoring it would change; empty for the present one.
    """

    digest: str
    short: str
    at: datetime
    by: str
    is_current: bool
    is_kept: bool
    changes: str
    compared: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A file that differs: its path, what became of it, its lines by kind, and what they do not show."""

    path: str
    words: str
    parts: Sequence[tuple[str, str]]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffView:
    """What differs between a version and another one.

    Attributes:
        digest: Names the version.
        title: Says what is compared.
        files: That differ, with their lines.
        more: How many files more differ than are shown.
        settings: Keys that differ: what became of each, in words.
        notes: What is not shown, as sentences.
        is_current: Whether the job runs the version.
    """

    digest: str
    title: str
    files: Sequence[FileDiff]
    more: int
    settings: Sequence[tuple[str, str]]
    notes: Sequence[str]
    is_current: bool


def version_rows(definition: JobDefinition) -> list[VersionRow]:
    """The versions of a job, newest first."""
    return [_row(definition, version) for version in definition.known_versions]


def _row(definition: JobDefinition, version: JobVersion) -> VersionRow:
    short = short_digest(version.digest)
    is_current = version.digest == definition.digest
    facts = [version.deployed_by]
    if version.files is not None:
        facts.append(f"{counted(version.files, 'file')}, {size(version.size)}")
    return VersionRow(
        digest=version.digest,
        short=short,
        at=version.deployed_at,
        by=" · ".join(fact for fact in facts if fact),
        is_current=is_current,
        is_kept=version.is_kept,
        changes=f"?version={short}" if version.is_kept else "",
        compared=f"?version={short}&against={short_digest(definition.digest)}"
        if version.is_kept and not is_current
        else "",
    )


def diff_view(diff: VersionDiffJson, definition: JobDefinition) -> DiffView:
    """A difference as the page shows it."""
    is_current = diff.digest == definition.digest
    short, other = short_digest(diff.digest), short_digest(diff.against or "")
    if diff.against == definition.digest and not is_current:
        title = f"What restoring version {short} would change"
    elif other:
        title = f"Version {short}, compared with {other}"
    else:
        title = f"The files of version {short}"
    return DiffView(
        digest=diff.digest,
        title=title,
        files=[_file(change) for change in diff.files[:MAX_FILES]],
        more=max(0, len(diff.files) - MAX_FILES),
        settings=[(change.key, _setting(change)) for change in diff.settings],
        notes=diff.left_out,
        is_current=is_current,
    )


def _file(change: FileChange) -> FileDiff:
    sizes = [size(bytes_) for bytes_ in (change.size_before, change.size_after) if bytes_ is not None]
    parts = [
        (kind, "\n".join(lines))
        for kind, lines in groupby(change.lines, lambda line: _KINDS.get(line[:1], ""))
    ]
    return FileDiff(change.path, f"{change.change}, {' → '.join(sizes)}", parts, change.note)


def _setting(change: SettingChange) -> str:
    if change.key == "env" or change.key.startswith("env."):
        return "values changed" if change.change == "changed" else change.change
    before, after = (msgspec.json.encode(value).decode() for value in (change.before, change.after))
    match change.change:
        case "added":
            return f"added: {after}"
        case "removed":
            return f"removed, was {before}"
        case _:
            return f"{before} → {after}"
