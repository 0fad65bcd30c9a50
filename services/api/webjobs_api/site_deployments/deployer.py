"""Performs deployments of packages, one at a time, and records how far each is."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import structlog
from aiohttp import web
from msgspec.structs import replace
from webjobs_events.errors import BusUnavailable
from webjobs_events.files import ChangedJob, Condition, Fault, JobOutcome, Write, Written
from webjobs_events.jetstream import Bus
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job_warnings import bounded_warnings
from webjobs_service.lifetime import cancel_all

from webjobs_api.backends.published_events import POST_DEPLOYMENT
from webjobs_api.backends.runner_files import FilesOfRunner, RunnerFiles
from webjobs_api.http.file_errors import FilesRefused
from webjobs_api.site_deployments.record import (
    RENEWAL_SECONDS,
    Deployment,
    EntryType,
    LogEntry,
    Status,
    ended,
)
from webjobs_api.site_deployments.request import DeploymentRequest
from webjobs_api.site_deployments.responses import post_deployment_json
from webjobs_api.site_deployments.store import DeploymentStore

log = structlog.stdlib.get_logger(__name__)

_CLOSING_SECONDS = 2.0  # for the record of a deployment that the end of the api breaks off
_RECORD_TRIES, _RECORD_DELAY = 10, 1.0  # seconds between tries to record the end of a deployment
_ANY = Condition(match=("*",))
_BROKEN_OFF = "The api was stopped before the deployment was complete. Deploy again."


class SiteDeployments:
    """An async context manager; deployments in progress fail when it ends."""

    def __init__(self, bus: Bus, files: RunnerFiles, store: DeploymentStore) -> None:
        self._bus = bus
        self._files = files
        self.store = store
        self._in_progress: set[asyncio.Task[Deployment]] = set()

    async def __aenter__(self) -> "SiteDeployments":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await cancel_all(*self._in_progress)

    async def begin(
        self, request: DeploymentRequest, file: BinaryIO, size: int
    ) -> tuple[Deployment, "asyncio.Task[Deployment]"]:
        """Record a deployment and begin it; the task returns it complete, or raises why it failed.

        It goes on when the client leaves. The file is closed in any case.

        Raises:
            DeploymentInProgress: Another one is not complete.
            BusUnavailable: NATS does not answer.
        """
        now = datetime.now(UTC)
        deployment = Deployment(
            id=str(uuid.uuid4()),
            status=Status.DEPLOYING,
            status_text="Deploying.",
            author=request.author,
            author_email=request.author_email,
            deployer=request.deployer,
            message=request.message,
            received_at=now,
            renewed_at=now,
        )
        try:
            await self.store.add(deployment)
        except BaseException:
            file.close()
            raise
        work = _Work(self._bus, self._files, self.store, request, deployment)
        return deployment, self._start(work.perform(file, size))

    def _start(self, work: Coroutine[Any, Any, Deployment]) -> "asyncio.Task[Deployment]":
        task = asyncio.create_task(work)
        self._in_progress.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Deployment]") -> None:
        self._in_progress.discard(task)
        if not task.cancelled():
            task.exception()  # no request waits for the outcome of an asynchronous one: its record has it


class _Work:
    """One deployment."""

    def __init__(
        self,
        bus: Bus,
        files: RunnerFiles,
        store: DeploymentStore,
        request: DeploymentRequest,
        deployment: Deployment,
    ) -> None:
        self._bus = bus
        self._files = files
        self._store = store
        self._request = request
        self._deployment = deployment
        self._log: list[LogEntry] = []

    async def perform(self, file: BinaryIO, size: int) -> Deployment:
        """Deploy the file; returns the deployment complete.

        Raises:
            WebJobsError: It failed, and that is recorded.
        """
        try:
            written = await self._write_while_renewing(file, size)
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self._fail(_BROKEN_OFF)
            raise
        except WebJobsError as error:
            await self._fail(str(error))
            raise
        except Exception:
            log.exception("deployment failed", deployment=self._deployment.id)
            await self._fail("The api failed; its log says why.")
            raise
        return await self._succeed(written)

    async def _write_while_renewing(self, file: BinaryIO, size: int) -> Written:
        renewal = asyncio.create_task(self._renew())
        try:
            with file:
                return await self._write(file, size)
        finally:
            await cancel_all(renewal)

    async def _write(self, file: BinaryIO, size: int) -> Written:
        request, runner = self._request, await self._files.of(None)
        what = f"Unpacking {size:,} bytes into" if request.unpack else f"Writing {size:,} bytes to"
        self._add_entry(f"{what} {request.path} of runner {runner.instance_id}.")
        await self._store.write_log(self._deployment.id, self._log)
        question = Write(
            path=request.path,
            unpack=request.unpack,
            clean=request.clean,
            deploy=True,
            condition=_ANY,
            trace=request.trace,
        )
        if not request.unpack:
            question = await _existing_or_new(runner, question)
        return await runner.write(question, _chunks(file, runner.chunk_bytes))

    async def _succeed(self, written: Written) -> Deployment:
        self._add_entry(f"{written.files} files are in place.")
        if written.removed:
            self._add_entry(
                f"{written.removed} files and folders that the package does not hold were removed."
            )
        warnings = [self._add_entry(each, EntryType.WARNING) for each in written.warnings]
        warnings += self._job_warnings(written.jobs)
        if written.more_jobs:
            self._add_entry(f"{written.more_jobs} more jobs were changed.")
        refused = sum(job.outcome is JobOutcome.REFUSED for job in written.jobs)
        text = f"{refused} of {len(written.jobs)} changed jobs refused; see the log." if refused else ""
        self._add_entry("Deployment successful.")
        self._deployment = ended(self._deployment, Status.SUCCESS, text, datetime.now(UTC))
        self._deployment = replace(self._deployment, warnings=bounded_warnings(warnings))
        log.info("package deployed", deployment=self._deployment.id, files=written.files, refused=refused)
        await self._record()
        return self._deployment

    def _job_warnings(self, jobs: Iterable[ChangedJob]) -> Iterable[str]:
        for job in jobs:
            name = f"The {job.job_type} job {job.folder_name!r}"
            if job.outcome is JobOutcome.REFUSED:
                yield self._add_entry(f"{name} was refused: {job.reason}", EntryType.ERROR)
            elif job.outcome is JobOutcome.UNKNOWN:
                yield self._add_entry(
                    f"{name} is not deployed yet; look at it in a moment.", EntryType.WARNING
                )
            else:
                self._add_entry(f"{name} was {job.outcome}.")
            for warning in job.warnings:
                yield self._add_entry(f"{name}: {warning}", EntryType.WARNING)

    async def _fail(self, reason: str) -> None:
        self._add_entry(reason, EntryType.ERROR)
        self._add_entry("Deployment failed.", EntryType.ERROR)
        self._deployment = ended(self._deployment, Status.FAILED, reason, datetime.now(UTC))
        log.warning("deployment failed", deployment=self._deployment.id, reason=reason)
        await self._record()

    async def _record(self) -> None:
        """Record the end; it is true also when NATS is away for longer than this is tried."""
        for left in reversed(range(_RECORD_TRIES)):
            try:
                await self._store.write_log(self._deployment.id, self._log)
                await self._store.replace(self._deployment)
                await self._call_hooks()
                return
            except BusUnavailable as error:
                if not left:
                    log.error("end of a deployment not recorded", error=str(error))
                    return
                await asyncio.sleep(_RECORD_DELAY)

    async def _call_hooks(self) -> None:
        subject, message_id = (
            self._bus.subjects.published(POST_DEPLOYMENT),
            f"deployment/{self._deployment.id}",
        )
        body = msgspec.json.encode(post_deployment_json(self._deployment, self._request.site_name))
        await self._bus.publish(subject, body, message_id=message_id, trace=self._request.trace)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            self._deployment = replace(self._deployment, renewed_at=datetime.now(UTC))
            with suppress(BusUnavailable):
                await self._store.replace(self._deployment)

    def _add_entry(self, message: str, type: EntryType = EntryType.MESSAGE) -> str:
        self._log.append(LogEntry(at=datetime.now(UTC), message=message, type=type))
        return message


async def _existing_or_new(runner: FilesOfRunner, question: Write) -> Write:
    """The question with the condition that holds: `*` means a file that is there."""
    try:
        await runner.look(question.path)
    except FilesRefused as error:
        if error.fault is not Fault.NOT_FOUND:
            raise
        return replace(question, condition=Condition())
    return question


async def _chunks(file: BinaryIO, chunk_bytes: int) -> AsyncGenerator[bytes, None]:
    while chunk := await asyncio.to_thread(file.read, chunk_bytes):
        yield chunk


SITE_DEPLOYMENTS = web.AppKey("site_deployments", SiteDeployments)
