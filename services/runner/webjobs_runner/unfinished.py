"""Runs that this runner has begun and not finished, noted on disk so that a kill does not forget them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.subjects import token_of

from webjobs_runner.log import logger


class UnfinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to end a run after its runner was killed.

    Attributes:
        command: That asked for it.
        digest: Version it runs.
        initialized_at: When the runner took it.
    """

    command: RunTriggeredJob
    digest: str
    initialized_at: datetime


_decoder = msgspec.json.Decoder(UnfinishedRun)


class UnfinishedRuns:
    """One small file for each, in the runner's own folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, run: UnfinishedRun) -> None:
        """Note a run before its script is started; on a full disk it goes without.

        Without a note a run is still known by its claim; only its outcome is lost if a kill comes before
        that is told.
        """
        try:
            self._path(run.command).write_bytes(msgspec.json.encode(run))
        except OSError as error:
            logger.error("run not noted on disk", run_id=run.command.run_id, error=str(error))

    def is_noted(self, command: RunTriggeredJob) -> bool:
        """Whether there is a note of this run."""
        return self._path(command).exists()

    def forget(self, command: RunTriggeredJob) -> None:
        """The run has ended, and everybody has been told."""
        self._path(command).unlink(missing_ok=True)

    def all(self) -> Iterator[UnfinishedRun]:
        """Those of an earlier boot; one that was being noted when the kill came had not started yet."""
        for path in sorted(self._folder.iterdir()):
            try:
                yield _decoder.decode(path.read_bytes())
            except msgspec.MsgspecError:
                logger.warning("unreadable note of an unfinished run dropped", note=path.name)
                path.unlink()

    def _path(self, command: RunTriggeredJob) -> Path:
        name = f"{command.run_id}.{token_of(command.job_name)}"
        return self._folder / name[:250]
