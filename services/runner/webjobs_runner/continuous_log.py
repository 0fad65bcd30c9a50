"""The logs of a continuous job on this runner: all of it, and the head of each start."""

import os
from pathlib import Path

from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName, JobType
from webjobs_events.subjects import token_of

from webjobs_runner.log_file import LogFile
from webjobs_runner.log_shipper import LogShipper
from webjobs_runner.script_log import JOB_LOG_LINES, JobLogHead, ScriptLog
from webjobs_runner.site import Site

JOB_LOG = "job.log"
APPLICATION_LOG = "application.log"
_JOB_LOG_ROLL_BYTES = 1024 * 1024
_APPLICATION_LOG_ROLL_BYTES = 10 * 1024 * 1024


class ContinuousLog:
    """Makes a `ScriptLog` for each start.

    The application log of this instance is its own spool for shipping. The job's log is shared by the
    runners of one site folder, so what this one adds is kept once more, in the runner's own folder,
    until it is shipped.
    """

    __slots__ = ("_application", "_head", "_instance_id", "_job_log", "_shipper", "_spool", "script")

    def __init__(
        self, bus: Bus, site: Site, instance_id: str, job_name: JobName, shipper: LogShipper
    ) -> None:
        own = site.runner_state(instance_id) / "logs"
        token = token_of(job_name)[:200]
        subject = bus.subjects.log(JobType.CONTINUOUS, job_name, instance_id)
        folder = site.logs_folder / "Application" / "continuous" / job_name
        self._instance_id = instance_id
        self._shipper = shipper
        self._head = JobLogHead()
        self._job_log = site.data_folder(JobType.CONTINUOUS, job_name) / JOB_LOG
        self._application = LogFile(
            folder / f"{instance_id}.log",
            name=APPLICATION_LOG,
            subject=subject,
            state=own / f"{token}.application.json",
            roll_at=_APPLICATION_LOG_ROLL_BYTES,
        )
        self._spool = LogFile(
            own / f"{token}.job.log",
            name=JOB_LOG,
            subject=bus.subjects.log(JobType.CONTINUOUS, job_name, f"{instance_id}-job"),
            state=own / f"{token}.job.json",
            roll_at=_JOB_LOG_ROLL_BYTES,
        )
        self.script = ScriptLog(instance_id, self._write)
        for file in (self._application, self._spool):
            if not shipper.is_shipped(file):
                shipper.note(file)  # what an earlier boot could not ship any more

    def start_again(self) -> None:
        """A process is about to start: its first lines go to the job's log again."""
        self._head.start_again()
        self.script = ScriptLog(self._instance_id, self._write)

    async def shipped(self, timeout: float) -> None:
        """Wait until everything written so far is in the stream of logs, but not for ever."""
        for file in (self._application, self._spool):
            await self._shipper.shipped(file, timeout)

    def _write(self, marked: bytes, system: bool) -> None:
        self._application.append(marked)
        self._shipper.note(self._application)
        head, cut = self._head.pass_on(marked, system)
        if head:
            self._spool.append(head)
            self._shipper.note(self._spool)
            _append(self._job_log, head)
        if cut:
            self.script.say(
                f"These are the first {JOB_LOG_LINES} lines of this start; all are in the application log.",
                "SYS WARN",
            )


def _append(path: Path, data: bytes) -> None:
    """Add to a file that several runners may write to, and set it aside when it is large."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o644)
    try:
        os.write(descriptor, data)
        large = os.fstat(descriptor).st_size > _JOB_LOG_ROLL_BYTES
    finally:
        os.close(descriptor)
    if large:
        path.replace(path.with_name("job_prev.log"))
