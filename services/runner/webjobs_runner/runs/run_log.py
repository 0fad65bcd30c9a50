"""The log of one run: all lines in one file, those of standard error in a second one too."""

import asyncio
from functools import cached_property
from pathlib import Path

from msgspec.structs import replace
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.log_line import Level
from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.logs.script_log import ScriptLog, run_log
from webjobs_runner.logs.spool_file import FILE_HEADER, OFFSET_HEADER


class RunLog:
    """Opened at the first line; shipped to the stream of logs while it grows.

    Args:
        bus: Connection to NATS.
        shipper: Ships the files.
        attempt: Whose log it is.
        folder: Of the run.
        instance_id: Of this runner, which is named in every line.
        cap: Limits the size of both files together.
    """

    def __init__(
        self, bus: Bus, shipper: LogShipper, attempt: Attempt, folder: Path, instance_id: str, cap: LogCap
    ) -> None:
        self._bus = bus
        self._shipper = shipper
        self._attempt = attempt
        self._folder = folder
        self._instance_id = instance_id
        self._cap = cap
        self._is_resumed = False

    @cached_property
    def files(self) -> tuple[LogFile, LogFile]:
        """All lines; those of standard error."""
        attempt = self._attempt
        subject = self._bus.subjects.log(JobType.TRIGGERED, attempt.job_name, attempt.run_id)
        names = (f"output_{attempt.run_id}.log", f"error_{attempt.run_id}.log")
        output, error = (
            LogFile(f"{self._folder}/{name}", name=name, subject=subject, instance_id=self._instance_id)
            for name in names
        )
        self._cap.limit(output, error)
        return output, error

    @cached_property
    def script(self) -> ScriptLog:
        """Takes the script's output."""
        return run_log(self._instance_id, *self.files, self._shipper)

    @property
    def has_errors(self) -> bool:
        """Whether the script wrote to its standard error."""
        return not self.files[1].is_empty

    def with_sizes(self, event: RunEnded) -> RunEnded:
        """Returns the final event with what it says about the log, to which nothing is written any more.

        How many lines were dropped is not known of a log that an earlier start of this runner wrote; then
        the event keeps what it says.
        """
        output, error = self.files
        dropped_lines = max(output.dropped_lines, error.dropped_lines)
        return replace(
            event,
            output_log_bytes=output.end,
            error_log_bytes=error.end,
            dropped_lines=event.dropped_lines if self._is_resumed else dropped_lines,
        )

    def say(self, text: str, level: Level = "SYS INFO") -> None:
        """Write a line of the runner's own."""
        self.script.say(text, level)

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
            if newest is not None and newest.headers.get(FILE_HEADER) == file.name:
                shipped = int(newest.headers.get(OFFSET_HEADER, "0")) + len(newest.data)
                file.shipped = file.sent = min(shipped, file.end)


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
        folder = self._site.run_folder(attempt.job_name, attempt.run_id)
        return RunLog(self._bus, self._shipper, attempt, folder, self._instance.id, self._cap)
