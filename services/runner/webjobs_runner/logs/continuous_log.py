"""The logs of a continuous job on this runner: all of it, and the head of each start."""

import hashlib
import os
from pathlib import Path

from webjobs_events.jetstream import Bus
from webjobs_events.subjects import token_of
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import APPLICATION_LOG, JOB_LOG, job_log_source

from webjobs_runner.files.site import Site
from webjobs_runner.log import logger
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.logs.script_log import JOB_LOG_LINES, JobLogHead, ScriptLog

_JOB_LOG_ROLL_BYTES = 1024 * 1024
_APPLICATION_LOG_ROLL_BYTES = 10 * 1024 * 1024
_LONGEST_NAME = 200  # bytes, of a file in the runner's own folder


class ContinuousLog:
    """Makes a `ScriptLog` for each start.

    The application log of this instance is its own spool for shipping. The job's log is shared by the
    runners of one site folder, so what this one adds is kept once more, in the runner's own folder,
    until it is shipped.

    Args:
        own: The folder for that, and for how far was shipped.
        cap: Of what is kept on this disk, and of what is kept in the stream of logs.
    """

    __slots__ = ("_application", "_head", "_instance_id", "_job_log", "_shipper", "_spool", "script")

    def __init__(
        self,
        bus: Bus,
        site: Site,
        own: Path,
        instance_id: str,
        job_name: JobName,
        shipper: LogShipper,
        cap: LogCap,
    ) -> None:
        token = token_of(job_name)
        own_name = token if len(token) <= _LONGEST_NAME else hashlib.sha256(token.encode()).hexdigest()
        folder = site.application_logs(JobType.CONTINUOUS, job_name)
        self._instance_id = instance_id
        self._shipper = shipper
        self._head = JobLogHead()
        self._job_log = str(site.data_folder(JobType.CONTINUOUS, job_name) / JOB_LOG)
        self._application = LogFile(
            f"{folder}/{instance_id}.log",
            name=APPLICATION_LOG,
            subject=bus.subjects.log(JobType.CONTINUOUS, job_name, instance_id),
            instance_id=instance_id,
            state=f"{own}/{own_name}.application.json",
            roll_at=_APPLICATION_LOG_ROLL_BYTES,
        )
        self._spool = LogFile(
            f"{own}/{own_name}.job.log",
            name=JOB_LOG,
            subject=bus.subjects.log(JobType.CONTINUOUS, job_name, job_log_source(instance_id)),
            instance_id=instance_id,
            state=f"{own}/{own_name}.job.json",
            roll_at=_JOB_LOG_ROLL_BYTES,
        )
        self.script = ScriptLog(instance_id, self._write)
        cap.limit(self._application, self._spool)
        kept_in_stream = cap.bytes
        for file in (self._application, self._spool):
            file.kept_in_stream = kept_in_stream
            if not file.is_shipped:
                shipper.note(file)  # what an earlier boot could not ship any more

    @property
    def is_shipped(self) -> bool:
        """Whether the stream of logs has all of it."""
        return self._application.is_shipped and self._spool.is_shipped

    def start_again(self) -> None:
        """A process is about to start: its first lines go to the job's log again."""
        self._head.start_again()
        self.script = ScriptLog(self._instance_id, self._write)

    async def shipped(self, timeout: float) -> None:
        """Wait until everything written so far is in the stream of logs, but not for ever."""
        for file in (self._application, self._spool):
            await self._shipper.shipped(file, timeout)

    def close(self) -> None:
        """Remember how far it was shipped: nothing more is written in this boot."""
        self._application.close()
        self._spool.close()

    def discard(self) -> None:
        """Remove what this runner keeps of it for itself, shipped or not: the job is deleted."""
        for file in (self._application, self._spool):
            self._shipper.discard(file)

    def _write(self, marked: bytes, system: bool) -> None:
        self._application.append(marked, is_system=system)
        self._shipper.note(self._application)
        head, is_cut = self._head.pass_on(marked, system)
        if head:
            self._spool.append(head, is_system=system)
            self._shipper.note(self._spool)
            self._add_to_job_log(head)
        if is_cut:
            self.script.write_system(
                f"These are the first {JOB_LOG_LINES} lines of this start; all are in the application log.",
                "SYS WARN",
            )

    def _add_to_job_log(self, data: bytes) -> None:
        try:
            _append(self._job_log, data)
        except OSError as error:
            logger.error("the job's log was not written", file=self._job_log, error=str(error))


def _append(path: str, data: bytes) -> None:
    """Add to a file that several runners may write to, and set it aside when it is large."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, flags, 0o644)
    try:
        os.write(descriptor, data)
        is_large = os.fstat(descriptor).st_size > _JOB_LOG_ROLL_BYTES
    finally:
        os.close(descriptor)
    if is_large:
        os.replace(path, os.path.join(os.path.dirname(path), "job_prev.log"))
