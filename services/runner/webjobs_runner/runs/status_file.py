"""The final event of a run in the run's folder, from which a restarted runner reports it after a kill."""

import os
from pathlib import Path
from types import TracebackType

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_events.events import AnyRunEvent, RunEnded
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId

from webjobs_runner.files.site import Site
from webjobs_runner.log import logger
from webjobs_runner.spare_space import SpareSpace

STATUS_FILE = "status"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_decoder = msgspec.json.Decoder(AnyRunEvent)


class StatusFiles:
    """A context manager: the status files of this site.

    What a full disk refuses is kept in spare space of this runner, and written when there is room.

    Args:
        site: The site folder.
        spare: Where the spare space is.
    """

    def __init__(self, site: Site, spare: Path) -> None:
        self._site = site
        self._spare = SpareSpace(spare)
        self._kept: dict[tuple[JobName, RunId], RunEnded] = {}

    def __enter__(self) -> "StatusFiles":
        for line in self._spare.open().splitlines():
            event = _final_event(line)
            if event is not None:
                self._kept[event.job_name, event.run_id] = event
        self.write_kept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spare.close()

    def write(self, event: RunEnded) -> None:
        """Write a final event into the folder of its run; if the disk refuses it, into the spare space."""
        fault = _write(self._folder(event), event)
        if fault is None:
            self._kept.pop((event.job_name, event.run_id), None)
            return
        self._kept[event.job_name, event.run_id] = event
        if self._spare.append(msgspec.json.encode(event) + b"\n"):
            logger.warning("status file is kept in spare space", run_id=event.run_id, error=str(fault))
        else:
            logger.error(
                "status file not written; a kill now loses it", run_id=event.run_id, error=str(fault)
            )

    def read(self, job_name: JobName, run_id: RunId) -> RunEnded | None:
        """Returns the final event of a run; None when there is none that is whole."""
        return read_status(self._site.run_folder(job_name, run_id)) or self._kept.get((job_name, run_id))

    def has_folder(self, event: RunEnded) -> bool:
        """Whether the run has a folder."""
        return os.path.isdir(self._folder(event))

    def write_kept(self) -> None:
        """Write what was kept in the spare space into the folders of its runs, if there is room now."""
        for key, event in list(self._kept.items()):
            if _write(self._folder(event), event) is None:
                del self._kept[key]
        if self._spare.is_used and not self._kept:
            self._spare.clear()

    def _folder(self, event: RunEnded) -> str:
        return self._site.run_path(event.job_name, event.run_id)


def read_status(folder: Path) -> RunEnded | None:
    """Returns the final event in a run's folder; None when there is none that is whole."""
    try:
        return _final_event((folder / STATUS_FILE).read_bytes())
    except OSError:
        return None


def _final_event(data: bytes) -> RunEnded | None:
    try:
        event = _decoder.decode(data)
    except MALFORMED:
        return None
    return event if isinstance(event, RunEnded) else None


def _write(folder: str, event: RunEnded) -> OSError | None:
    """Returns why it could not be written; None when it was."""
    content, path = msgspec.json.encode(event), f"{folder}/{STATUS_FILE}"
    try:
        try:
            file = os.open(path, _FLAGS, 0o666)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            file = os.open(path, _FLAGS, 0o666)
        try:
            if os.write(file, content) != len(content):
                return OSError("the disk took a part only")
        finally:
            os.close(file)
    except OSError as error:
        return error
    return None
