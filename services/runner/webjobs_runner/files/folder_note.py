"""What this site knows of a job's folder: the version last installed or packaged, and how it looked."""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from webjobs_events.errors import MALFORMED
from webjobs_events.redaction import new_digest_key, sealed
from webjobs_rules.job import JobType

from webjobs_runner.domain.folder_diff import KnownContent
from webjobs_runner.files.folder_walk import CLOCK_GRAIN_NS, Snapshot
from webjobs_runner.files.site import Site


class FolderNote(msgspec.Struct, frozen=True, kw_only=True):
    """The note about one job.

    Attributes:
        digest: The version last installed or packaged.
        installing: The version being installed; a crash may leave either.
        settings: As last written or read, sealed under `digest_key`: the values of `env` are not in it.
        disabled: As last written or read.
        digest_key: Key of the digests in `settings`; empty in notes of earlier releases, which hold values.
        cause: `cause` of the definition that the folder agreed with.
        fingerprint: How the folder looked when `digest` was read from it; empty when not known.
        looked_at_ns: When that was, by the clock of the file system's times.
    """

    digest: str
    installing: str | None = None
    settings: dict[str, Any] = {}
    disabled: bool = False
    digest_key: str = ""
    cause: str = ""
    fingerprint: str = ""
    looked_at_ns: int = 0

    @property
    def known(self) -> KnownContent:
        """The note as the rule of drops wants it."""
        digests = {self.digest, self.installing or self.digest}
        return KnownContent(
            frozenset(digests - {""}),
            self.settings,
            self.disabled,
            self.digest_key,
            installed=self.digest,
            cause=self.cause,
        )

    def saying(self, settings: Mapping[str, Any], disabled: bool) -> "FolderNote":
        """The note with other settings."""
        key = self.digest_key or new_digest_key()
        return replace(self, settings=sealed(settings, key), disabled=disabled, digest_key=key)

    def is_same_state(self, other: "FolderNote | None") -> bool:
        """Whether the other note says the same of the folder; how it looked does not count."""
        return other is not None and (self.digest, self.installing, self.cause) == (
            other.digest,
            other.installing,
            other.cause,
        )

    def vouches_for(self, snapshot: Snapshot) -> bool:
        """Whether the files are surely those of `digest`, so that they need not be read.

        A change so near to the look that its times could be the same is no proof.
        """
        unchanged = self.fingerprint == snapshot.fingerprint
        return unchanged and snapshot.newest_change_ns + CLOCK_GRAIN_NS < self.looked_at_ns


def read_note(site: Site, job_type: JobType, job_name: str) -> FolderNote | None:
    """The note about a job; None when there is none that can be read."""
    try:
        return msgspec.json.decode(site.note(job_type, job_name).read_bytes(), type=FolderNote)
    except (FileNotFoundError, *MALFORMED):
        return None


def write_note(site: Site, job_type: JobType, job_name: str, note: FolderNote) -> None:
    """Replace the note about a job at one stroke."""
    place = site.note(job_type, job_name)
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor, staged = tempfile.mkstemp(prefix=".note-", dir=place.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(note))
        os.replace(staged, place)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise


def remove_note(site: Site, job_type: JobType, job_name: str) -> None:
    """Forget a job."""
    site.note(job_type, job_name).unlink(missing_ok=True)


def remove_unfinished_notes(site: Site, job_type: JobType) -> None:
    """Take away what a crash left of notes being written."""
    for staged in site.note(job_type, "x").parent.glob(".note-*"):
        if time.time() - staged.stat().st_mtime > 60:  # another runner may be writing it now
            staged.unlink(missing_ok=True)
