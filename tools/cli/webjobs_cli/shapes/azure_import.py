"""What `import azure` prints with `--json`."""

from typing import Literal

import msgspec

ImportOutcome = Literal["imported", "unchanged", "differs", "refused"]


class SkippedPart(msgspec.Struct, frozen=True):
    """A part of what was to be imported that was not, and why."""

    what: str
    """A path, or the id of a run."""
    reason: str


class ImportedJob(msgspec.Struct, frozen=True):
    """A job of another system, in `import`."""

    name: str
    type: str
    outcome: ImportOutcome
    """Of its files and settings. `differs`: a job of this name with other files is here, and stays."""
    reason: str
    """Why it was refused, or what differs; else empty."""
    script: str | None
    disabled: bool
    schedule: str | None
    needs: list[str]
    """Products without which its script does not run, such as `Wine`."""
    missing_settings: list[str]
    """App settings that its files name, and that are not set here."""
    runs_imported: int
    runs_unchanged: int
    runs_beyond_history: int
    """Older than the newest runs that history keeps."""
    runs_skipped: list[SkippedPart]
    data_imported: list[str]
    """Paths of data files that are in the site folder now."""
    data_unchanged: int
    data_skipped: list[SkippedPart]
    warnings: list[str]


class ImportReport(msgspec.Struct, frozen=True):
    """What `import` has done, or would do."""

    source: str
    dry_run: bool
    complete: bool
    """Whether all that was found is here now; what history does not keep is not counted."""
    jobs: list[ImportedJob]
    skipped: list[SkippedPart]
    """What belongs to no job."""
