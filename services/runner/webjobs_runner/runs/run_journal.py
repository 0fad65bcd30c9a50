"""The journal of runs that this runner has begun and not finished, for the next start."""

from datetime import datetime
from pathlib import Path
from types import TracebackType

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.run_id import RunId

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.journal import Journal


class UnfinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to end a run after its runner was killed.

    Attributes:
        command: That requested it.
        digest: Version it runs.
        initialized_at: When the runner took it.
        after: Sequence that the stream of events had before; events of the attempt are behind it.
        run_id: Of the attempt; None for the first one.
        attempt: Number of the attempt.
        retry_of: The attempt before.
    """

    command: RunTriggeredJob
    digest: str
    initialized_at: datetime
    after: int = 0
    run_id: RunId | None = None
    attempt: int = 1
    retry_of: RunId | None = None

    @property
    def begun(self) -> Attempt:
        """The attempt that was begun."""
        if self.run_id is None:
            return first_attempt(self.command)
        return Attempt(command=self.command, run_id=self.run_id, number=self.attempt, retry_of=self.retry_of)


class RunNote(msgspec.Struct, frozen=True, array_like=True):
    """A line of the journal: a run was begun, or (None) it is finished and settled."""

    command_id: str
    run: UnfinishedRun | None = None


class RunJournal:
    """A context manager over a journal in the runner's own folder.

    A file for each run would cost a new inode before every start of a script, and ext4 looks through those
    deleted in the last minutes for each new one: a busy runner would become slower and slower.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = Journal(journal, "runs", RunNote)
        self._runs: dict[str, UnfinishedRun] = {}
        self._sizes: dict[str, int] = {}  # of their lines

    def __enter__(self) -> "RunJournal":
        for note, _ in self._journal.open():
            if note.run is None:
                self._runs.pop(note.command_id, None)
            else:
                self._runs[note.command_id] = note.run
        self._rewrite()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()

    def note(self, run: UnfinishedRun) -> None:
        """Note a run before its script is started; on a full disk it goes without.

        Without a note a run is still known by its claim; only its outcome is lost if a kill comes before
        that is published.
        """
        command_id = run.command.command_id
        self._runs[command_id] = run
        self._sizes[command_id] = self._journal.append(RunNote(command_id, run))

    def is_recorded(self, command: RunTriggeredJob) -> bool:
        """Whether this run was begun and is not finished."""
        return command.command_id in self._runs

    def forget(self, command: RunTriggeredJob) -> None:
        """Remove a run that is settled."""
        if self._runs.pop(command.command_id, None) is None:
            return
        size = self._sizes.pop(command.command_id)
        if not self._runs:
            self._journal.clear()
            return
        self._journal.settled(size + self._journal.append(RunNote(command.command_id)))
        if self._journal.is_wasteful:
            self._rewrite()

    def all(self) -> list[UnfinishedRun]:
        """All of them; at the start of a runner those of an earlier boot."""
        return list(self._runs.values())

    def _rewrite(self) -> None:
        notes = [RunNote(command_id, run) for command_id, run in self._runs.items()]
        self._sizes = dict(zip(self._runs, self._journal.rewrite(notes), strict=True))
