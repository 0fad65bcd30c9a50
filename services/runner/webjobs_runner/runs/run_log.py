"""The log of one run: all lines in one file, those of standard error in a second one too."""

import asyncio
import os

from msgspec.structs import replace
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import Level, decode_chunk, error_log, output_log

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.logs.script_log import ScriptLog


class RunLogFiles:
    """The two log files of a run: all lines, and those of standard error once more.

    Args:
        shipper: Ships them.
        subject: Where their chunks are published.
        attempt: Whose log it is.
        folder: Of the run.
        instance_id: Of this runner, which is named in every line.
        cap: Limits the size of both together.
    """

    __slots__ = ("_attempt", "_cap", "_files", "_folder", "_instance_id", "_shipper", "_subject")

    def __init__(
        self, shipper: LogShipper, subject: str, attempt: Attempt, folder: str, instance_id: str, cap: LogCap
    ) -> None:
        self._shipper = shipper
        self._subject = subject
        self._attempt = attempt
        self._folder = folder
        self._instance_id = instance_id
        self._cap = cap
        self._files: tuple[LogFile, LogFile] | None = None

    @property
    def folder(self) -> str:
        """The folder of the run."""
        return self._folder

    def make_folder(self) -> None:
        """Make the folder of the run, unless it is there."""
        self._writable()

    def known(self) -> tuple[LogFile, LogFile]:
        """Returns both; what is on disk already is looked up at the first use."""
        if self._files is None:
            self._files = self._opened(is_new=False)
        return self._files

    def write(self, marked: bytes, system: bool) -> None:
        """Add lines; `system` says whether the runner itself writes them."""
        output = self._writable()[0]
        output.append(marked, is_system=system)
        self._shipper.note(output)

    def write_error(self, marked: bytes) -> None:
        """Add lines of standard error to their own file."""
        error = self._writable()[1]
        error.append(marked)
        self._shipper.note(error)

    def _writable(self) -> tuple[LogFile, LogFile]:
        """Both files. A run whose folder has to be made has none of them: nothing is looked up."""
        if self._files is None:
            self._files = self._opened(is_new=_made(self._folder))
        return self._files

    def _opened(self, *, is_new: bool) -> tuple[LogFile, LogFile]:
        output, error = (
            LogFile(
                f"{self._folder}/{name}",
                name=name,
                subject=self._subject,
                instance_id=self._instance_id,
                is_new=is_new,
            )
            for name in (output_log(self._attempt.run_id), error_log(self._attempt.run_id))
        )
        self._cap.limit(output, error)
        return output, error


def _made(folder: str) -> bool:
    """Make a folder whose parent is there; False when that is not possible, or it is there already."""
    try:
        os.mkdir(folder)
    except OSError:
        return False
    return True


class RunLog:
    """Opened at the first line; shipped to the stream of logs while it grows.

    Args:
        bus: Connection to NATS.
        shipper: Ships the files.
        files: Of the run.
        instance_id: Of this runner, which is named in every line.
    """

    def __init__(self, bus: Bus, shipper: LogShipper, files: RunLogFiles, instance_id: str) -> None:
        self._bus = bus
        self._shipper = shipper
        self._files = files
        self._is_resumed = False
        self.script = ScriptLog(instance_id, files.write, files.write_error)
        """Takes the script's output."""

    @property
    def folder(self) -> str:
        """The folder of the run, which `make_folder` makes."""
        return self._files.folder

    def make_folder(self) -> None:
        """Make the folder of the run, unless it is there: its script may write there."""
        self._files.make_folder()

    @property
    def files(self) -> tuple[LogFile, LogFile]:
        """All lines; those of standard error."""
        return self._files.known()

    @property
    def has_errors(self) -> bool:
        """Whether the script wrote to its standard error."""
        return not self.files[1].is_empty

    def with_sizes(self, event: RunEnded) -> RunEnded:
        """Returns the final event with what it says about the log, to which nothing is written any more.

        How many lines were dropped is not known of a log that an earlier start of this runner wrote; then
        the event keeps what it says. It also keeps the lines, if they cannot be counted now and nothing of
        the log is missing.
        """
        output, error = self.files
        log_lines, first_error_line = output.counted_lines() or (None, None)
        if log_lines is None and event.output_log_bytes == output.end:
            log_lines, first_error_line = event.log_lines, event.first_error_line
        dropped_lines = max(output.dropped_lines, error.dropped_lines)
        return replace(
            event,
            output_log_bytes=output.end,
            error_log_bytes=error.end,
            dropped_lines=event.dropped_lines if self._is_resumed else dropped_lines,
            log_lines=log_lines,
            first_error_line=first_error_line,
        )

    def write_system(self, text: str, level: Level = "SYS INFO") -> None:
        """Write a line of the runner's own."""
        self.script.write_system(text, level)

    async def shipped(self, timeout: float | None) -> None:
        """Wait until the stream of logs has it, but no longer than `timeout` seconds."""
        output, error = self.files
        if error.is_shipped:  # as nearly always: it is empty
            await self._shipper.shipped(output, timeout)
        else:
            await asyncio.gather(*(self._shipper.shipped(file, timeout) for file in self.files))

    async def skip_shipped(self) -> None:
        """Go on after the last chunk in the stream, when the files are those of an earlier start.

        Readers drop overlaps, so too little is skipped rather than too much.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        self._is_resumed = True
        for file in self.files:
            newest = await self._bus.last_message(self._bus.subjects.logs_stream, file.subject)
            if newest is None:
                continue
            chunk = decode_chunk(newest.headers, newest.data)
            if chunk.file_name == file.name:
                file.skip(chunk)


class RunLogs:
    """Opens the logs of the runs of one runner."""

    def __init__(self, bus: Bus, instance: Instance, site: Site, shipper: LogShipper, cap: LogCap) -> None:
        self._bus = bus
        self._instance = instance
        self._site = site
        self._shipper = shipper
        self._cap = cap

    def of(self, attempt: Attempt) -> RunLog:
        """Returns the log of an attempt."""
        subject = self._bus.subjects.log(JobType.TRIGGERED, attempt.job_name, attempt.run_id)
        folder = self._site.run_path(attempt.job_name, attempt.run_id)
        files = RunLogFiles(self._shipper, subject, attempt, folder, self._instance.id, self._cap)
        return RunLog(self._bus, self._shipper, files, self._instance.id)
