"""Real runners for tests: in this process, or as a process of their own that can be killed."""

import asyncio
import contextlib
import io
import os
import secrets
import signal
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from support.eventually import eventually
from webjobs_events.cancel_request import CANCEL_REQUEST_TTL, CancelRequest, encode_cancel_request
from webjobs_events.commands import (
    ChangeJobSettings,
    Command,
    CommandReply,
    DeleteJob,
    DeployJob,
    PatchJobSettings,
    ReplyCode,
    RestartContinuousJob,
    RunTriggeredJob,
    StartContinuousJob,
    StopContinuousJob,
    UploadKind,
    encode_command,
)
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId, RunIdMint
from webjobs_runner.app import run_runner
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.schedule.due_times import Clock
from webjobs_runner.schedule.schedules import wall_clock
from webjobs_runner.settings import RunnerSettings

QUICK_LEASES = LeaseTerms(seconds=2)

# The program `python -m webjobs_runner` with other lease terms.
_PROGRAM = """
import os, sys
from webjobs_runner.app import run_runner
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.settings import RunnerSettings
from webjobs_service.lifetime import run_service
from webjobs_service.logs import configure_logs
from webjobs_service.settings import load_settings

settings = load_settings(RunnerSettings)
configure_logs("runner", settings.log_level, settings.log_format)
terms = LeaseTerms(seconds=int(sys.argv[1]))
sys.exit(run_service(lambda stop: run_runner(settings, dict(os.environ), stop, terms=terms)))
"""
_mint = RunIdMint()


@dataclass
class RunningRunner:
    """A runner in this process."""

    id: str
    settings: RunnerSettings
    task: "asyncio.Task[None]"
    stop_event: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop(self) -> None:
        """Stop it in good order."""
        self.stop_event.set()
        await self.task

    async def abandon(self) -> None:
        """Stop it as a second signal would: at once, whatever it has in hand."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class StartRunner(Protocol):
    """Starts runners of one site folder, which take their packages from the index of a test."""

    def __call__(
        self, *, instance_id: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> AbstractAsyncContextManager[RunningRunner]:
        """A runner as `running_runner` has it."""
        ...


@contextlib.asynccontextmanager
async def running_runner(
    bus: Bus,
    nats_url: str,
    folder: Path,
    *,
    name: str = "site",
    instance_id: str | None = None,
    slots: int = 8,
    terms: LeaseTerms = LeaseTerms(),  # noqa: B008  # frozen
    environment: Mapping[str, str] | None = None,
    clock: Clock = wall_clock,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[RunningRunner]:
    """A runner with its site folder below `folder`, ready when entered, stopped when left.

    Args:
        bus: To see that it is ready.
        nats_url: Where the runner finds NATS.
        folder: The site is the folder `name` in it, working copies go to the folder `temp`.
        name: Differs for runners with separate disks.
        instance_id: A random one when not given.
        slots: For triggered runs.
        terms: Of its leases.
        environment: Settings and variables given at start.
        clock: By which schedules are due.
        settings: Of the runner, beside those above.
    """
    runner_id = instance_id or secrets.token_hex(3)
    known = RunnerSettings(
        **(settings or {}),
        nats_url=nats_url,
        namespace=bus.subjects.namespace,
        data=folder / name,
        instance_id=runner_id,
        slots=slots,
        health_port=0,
        temp=folder / "temp",
    )
    stop = asyncio.Event()
    variables = {"PATH": os.environ["PATH"], **(environment or {})}
    task = asyncio.create_task(run_runner(known, variables, stop, terms=terms, clock=clock))
    runner = RunningRunner(runner_id, known, task, stop)
    try:
        await eventually(lambda: _is_alive(bus, runner_id) if not task.done() else _raise(task))
        yield runner
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=20)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            raise outcome


async def _is_alive(bus: Bus, instance_id: str) -> bool:
    return await bus.leases.get(Subjects.instance_key(instance_id)) is not None


async def _raise(task: "asyncio.Task[None]") -> bool:
    await task
    raise RuntimeError("the runner ended before it was ready")


@dataclass
class RunnerProcess:
    """A runner as `python -m webjobs_runner`."""

    id: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    async def kill(self) -> None:
        """End it as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def terminate(self) -> int:
        """Ask it to end; answers its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        return await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@contextlib.asynccontextmanager
async def runner_process(
    bus: Bus,
    nats_url: str,
    folder: Path,
    *,
    name: str = "site",
    instance_id: str | None = None,
    terms: LeaseTerms = LeaseTerms(),  # noqa: B008  # frozen
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[RunnerProcess]:
    """The same as a process of its own, killed when left."""
    runner_id = instance_id or secrets.token_hex(3)
    variables = {
        "PATH": os.environ["PATH"],
        "WEBJOBS_NATS_URL": nats_url,
        "WEBJOBS_NAMESPACE": bus.subjects.namespace,
        "WEBJOBS_DATA": str(folder / name),
        "WEBJOBS_INSTANCE_ID": runner_id,
        "WEBJOBS_HEALTH_PORT": "0",
        "WEBJOBS_TEMP": str(folder / "temp"),
        **(environment or {}),
    }
    log = folder / f"runner-{runner_id}-{secrets.token_hex(2)}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, str(terms.seconds), env=variables, stdout=output, stderr=output
        )
    runner = RunnerProcess(runner_id, process, log)
    try:
        await eventually(lambda: _is_ready(runner))
        yield runner
    finally:
        await runner.kill()


def _is_ready(runner: RunnerProcess) -> bool:
    if runner.process.returncode is not None:
        raise RuntimeError(runner.log.read_text())
    return "runner is ready" in runner.log.read_text()


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """An archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Caller:
    """Asks runners for things, as the api does."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def deploy(
        self,
        job_type: JobType,
        job_name: str,
        files: Mapping[str, str | bytes],
        *,
        kind: UploadKind = UploadKind.ZIP,
        expect: ReplyCode = ReplyCode.DONE,
    ) -> CommandReply:
        """Deploy an archive, or a script as the only file."""
        content = zipped(files)
        file_name = None
        if kind is UploadKind.SCRIPT:
            ((file_name, text),) = files.items()
            content = text.encode() if isinstance(text, str) else text
        upload = await self.upload(content)
        reply = await self.ask(
            self.command(DeployJob, job_type, job_name, upload=upload, kind=kind, file_name=file_name)
        )
        assert reply.code is expect, reply
        return reply

    async def upload(self, content: bytes) -> str:
        """Store an upload; answers its name."""
        name = f"upload-{secrets.token_hex(8)}"
        await self.bus.packages.put(name, io.BytesIO(content))
        return name

    def command(self, command_type: type[Command], job_type: JobType, job_name: str, **facts: Any) -> Command:
        """A command with an id of its own."""
        return command_type(
            command_id=secrets.token_hex(8),
            job_type=job_type,
            job_name=JobName(job_name),
            requested_at=datetime.now(UTC),
            requested_by="Test",
            **facts,
        )

    async def ask(self, command: Command, timeout: float = 15.0) -> CommandReply:
        """Send a command and wait for its reply."""
        replies: asyncio.Queue[bytes] = asyncio.Queue()
        async with self.bus.await_replies(replies.put_nowait) as inbox:
            await self.bus.publish_command(msgspec.structs.replace(command, reply_to=inbox))
            async with asyncio.timeout(timeout):
                return msgspec.json.decode(await replies.get(), type=CommandReply)

    async def run(self, job_name: str, arguments: str | None = None) -> RunId:
        """Ask for a run; answers its id."""
        command = self.run_command(job_name, arguments)
        await self.bus.publish_command(command)
        return command.run_id

    async def line_up(self, job_name: str, arguments: str | None = None) -> RunId:
        """Ask for a run that may wait for its turn; answers its id."""
        command = self.run_command(job_name, arguments)
        await self.bus.publish_command(msgspec.structs.replace(command, slot=command.run_id))
        return command.run_id

    async def cancel(self, job_name: str, run_id: str) -> None:
        """Request that a run be cancelled."""
        request = CancelRequest(evidence="Cancelled by Test.", requested_at=datetime.now(UTC))
        key = Subjects.cancel_key(job_name, run_id)
        await self.bus.leases.put(key, encode_cancel_request(request), ttl=CANCEL_REQUEST_TTL)

    def run_command(self, job_name: str, arguments: str | None = None) -> RunTriggeredJob:
        """A command to run a triggered job."""
        now = datetime.now(UTC)
        run_id = _mint.next(now)
        return RunTriggeredJob(
            command_id=f"run/{job_name}/{run_id}",
            job_type=JobType.TRIGGERED,
            job_name=JobName(job_name),
            requested_at=now,
            requested_by="Test",
            run_id=run_id,
            arguments=arguments,
        )

    async def ask_again(self, command: Command) -> CommandReply:
        """Send the same command once more, past the stream's own memory of it."""
        replies: asyncio.Queue[bytes] = asyncio.Queue()
        async with self.bus.await_replies(replies.put_nowait) as inbox:
            data = encode_command(msgspec.structs.replace(command, reply_to=inbox))
            await self.bus.connection.js.publish(command.subject(self.bus.subjects), data)
            async with asyncio.timeout(10):
                return msgspec.json.decode(await replies.get(), type=CommandReply)

    async def is_free(self, job_name: str) -> bool:
        """Whether no run of the job is asked for or in hand."""
        filters = self.bus.subjects.run_commands_of(job_name)
        return not await self.bus.pending_subjects(filters)

    async def start(self, job_name: str) -> CommandReply:
        return await self.ask(self.command(StartContinuousJob, JobType.CONTINUOUS, job_name))

    async def stop(self, job_name: str) -> CommandReply:
        return await self.ask(self.command(StopContinuousJob, JobType.CONTINUOUS, job_name))

    async def restart(self, job_name: str) -> CommandReply:
        return await self.ask(self.command(RestartContinuousJob, JobType.CONTINUOUS, job_name))

    async def delete(self, job_type: JobType, job_name: str) -> CommandReply:
        return await self.ask(self.command(DeleteJob, job_type, job_name))

    async def change_settings(
        self, job_name: str, settings: dict[str, Any], job_type: JobType = JobType.CONTINUOUS
    ) -> CommandReply:
        return await self.ask(self.command(ChangeJobSettings, job_type, job_name, settings=settings))

    async def patch_settings(
        self, job_name: str, patch: dict[str, Any], job_type: JobType = JobType.CONTINUOUS, **facts: Any
    ) -> CommandReply:
        return await self.ask(self.command(PatchJobSettings, job_type, job_name, patch=patch, **facts))

    async def set(self, name: str, value: str | None) -> None:
        """Change an app setting; None removes it."""
        if value is None:
            await self.bus.settings.delete(name)
        else:
            await self.bus.settings.put(name, value.encode())
