"""What the command to deploy a job asks for: its upload becomes a version, once."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from webjobs_events.commands import CommandReply, DeployJob, ReplyCode, UploadKind
from webjobs_events.envelope import decode_event
from webjobs_events.errors import (
    BusUnavailable,
    RevisionConflict,
    StorageFull,
    UndecodableMessage,
    UnreadableDefinition,
)
from webjobs_events.events import Deployed
from webjobs_events.jetstream import Bus, Definitions, ObjectNotFound, lacks_space
from webjobs_events.job import JobDefinition
from webjobs_events.refusal import RefusalSource
from webjobs_rules.errors import (
    BadUpload,
    DependenciesRefused,
    DependenciesUnavailable,
    FolderRefused,
    InvalidJobSettings,
    MissingInterpreter,
    NoRunnableScript,
    WebJobsError,
)
from webjobs_rules.left_out import LeftOut, left_out_warnings

from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.files.definition_files import has_settings, is_disabled, read_settings, settings_warnings
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.deployment import Deployment, NewFiles
from webjobs_runner.jobs.deployment_log import MOST_ATTEMPTS, DeploymentLog, DeploymentLogs
from webjobs_runner.jobs.follow_up import FollowUps
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.jobs.replies import no_space, upload_gone, version_gone
from webjobs_runner.jobs.uploaded_folder import UploadedFolders
from webjobs_runner.log import logger

_REFUSALS: tuple[tuple[type[WebJobsError], ReplyCode], ...] = (
    (NoRunnableScript, ReplyCode.NO_RUNNABLE_SCRIPT),
    (MissingInterpreter, ReplyCode.NO_RUNNABLE_SCRIPT),
    (InvalidJobSettings, ReplyCode.INVALID_SETTINGS),
    (DependenciesRefused, ReplyCode.INVALID_DEPENDENCIES),
    (BadUpload, ReplyCode.BAD_UPLOAD),
    (FolderRefused, ReplyCode.BAD_UPLOAD),
    (UnreadableDefinition, ReplyCode.BAD_UPLOAD),  # nothing can be merged into it
)

_BEGINNINGS = {
    UploadKind.SCRIPT: "Reading the script.",
    UploadKind.ZIP: "Unpacking the archive.",
    UploadKind.MERGE: "Laying the archive over the files of the job.",
    UploadKind.PACKAGE: "Reading the earlier version.",
}
_ABANDONED = (
    f"Runners have begun this deployment {MOST_ATTEMPTS} times and never finished it. "
    "Look at their logs, then deploy again."
)


class DeployCommands:
    """Carries these commands out; one that comes again after it was done changes nothing."""

    def __init__(
        self,
        bus: Bus,
        definitions: Definitions,
        uploads: UploadedFolders,
        deployment: Deployment,
        reconciler: Reconciler,
        disk: DiskWatch,
        refusals: Refusals,
        events: JobEvents,
        logs: DeploymentLogs,
        follow_ups: FollowUps,
    ) -> None:
        self._bus = bus
        self._definitions = definitions
        self._uploads = uploads
        self._deployment = deployment
        self._reconciler = reconciler
        self._disk = disk
        self._refusals = refusals
        self._events = events
        self._logs = logs
        self._follow_ups = follow_ups
        self._without_secrets: set[str] = set()  # names of uploads

    async def carry_out(self, command: DeployJob) -> CommandReply:
        """Deploy what the command names, or find that this is done already.

        Raises:
            BusUnavailable: NATS does not answer; nothing is lost by trying again.
            RevisionConflict: Others kept changing the definition.
        """
        async with self._logs.of(command) as log:
            if log.outcome is not None:
                return log.outcome
            if log.attempt > MOST_ATTEMPTS:
                reply = CommandReply(code=ReplyCode.FAILED, message=_ABANDONED)
            else:
                reply = await self._deploy_or_fail(command, log)
            log.end(reply)
            return reply

    async def _deploy_or_fail(self, command: DeployJob, log: DeploymentLog) -> CommandReply:
        try:
            return await self._deploy_in_folder(command, log)
        except (BusUnavailable, RevisionConflict):  # it is tried again
            raise
        except Exception as error:
            logger.exception("command failed", command=command.verb, job=command.job_name)
            return CommandReply(code=ReplyCode.FAILED, message=f"The runner failed: {error}")

    async def _deploy_in_folder(self, command: DeployJob, log: DeploymentLog) -> CommandReply:
        upload, folder = self._uploads.new_paths()
        try:
            return await self._deploy_if_there_is_room(command, upload, folder, log)
        finally:
            upload.unlink(missing_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def _deploy_if_there_is_room(
        self, command: DeployJob, upload: Path, folder: Path, log: DeploymentLog
    ) -> CommandReply:
        if refusal := self._disk.refusal():
            return no_space(refusal)
        try:
            return await self._deploy_upload(command, upload, folder, log)
        except (StorageFull, OSError) as error:
            if isinstance(error, OSError) and not lacks_space(error):
                raise
            return no_space(str(error))

    async def _deploy_upload(
        self, command: DeployJob, upload: Path, folder: Path, log: DeploymentLog
    ) -> CommandReply:
        found = await self._definitions.readable(command.job_type, command.job_name)
        if found is not None and found[0].cause == command.command_id:  # done before, by a runner that died
            self._events.deployed(*found, command.trace, requested_by=command.requested_by)
            return await self._done(command, *found, log)
        if found is not None and await self._was_deployed(command):  # and the definition was changed since
            return await self._done(command, *found, log)
        is_restored = command.kind is UploadKind.PACKAGE
        if is_restored and (found is None or command.upload not in found[0].kept_packages):
            return version_gone(command.upload)
        try:
            await self._bus.packages.fetch(command.upload, upload)
        except ObjectNotFound:  # its sender gave up, or it was refused and the answer was lost
            if is_restored:
                return version_gone(command.upload)
            return upload_gone()
        return await self._deploy_files(command, upload, folder, log)

    async def _deploy_files(
        self, command: DeployJob, upload: Path, folder: Path, log: DeploymentLog
    ) -> CommandReply:
        """Make the files of an upload that is here the version of the job."""
        log.write("unpack", _BEGINNINGS[command.kind])
        try:
            left_out = await self._uploads.place(command, upload, folder)
            files = await _new_files(command, folder, left_out)
            definition, revision = await self._deployment.deploy(files, log.write)
        except DependenciesUnavailable as error:  # nothing is wrong with the upload
            return CommandReply(code=ReplyCode.DEPENDENCIES_UNAVAILABLE, message=str(error))
        except tuple(refusal for refusal, _ in _REFUSALS) as error:
            await self._refusals.put_sent(
                RefusalSource.UPLOAD, command.job_type, command.job_name, str(error)
            )
            code = next(code for refusal, code in _REFUSALS if isinstance(error, refusal))
            return CommandReply(code=code, message=str(error))
        await self._reconciler.follow((command.job_type, command.job_name), revision)
        reply = await self._done(command, definition, revision, log)
        if not has_settings(folder):
            self._without_secrets.add(command.upload)
        return reply

    async def _done(
        self, command: DeployJob, definition: JobDefinition, revision: int, log: DeploymentLog
    ) -> CommandReply:
        fault = await self._follow_ups.request(command, definition, log)
        return CommandReply(code=ReplyCode.DONE, revision=revision, has_followed=True, run_fault=fault)

    async def _was_deployed(self, command: DeployJob) -> bool:
        """Whether the newest version of the job is that of a command."""
        subject = self._bus.subjects.job_event(command.job_type, command.job_name, Deployed.__name__)
        newest = await self._bus.last_message(self._bus.subjects.events_stream, subject)
        if newest is None:
            return False
        try:
            event = decode_event(newest.subject, newest.headers, newest.data)
        except UndecodableMessage as error:
            logger.debug("event cannot be read", error=str(error))
            return False
        return isinstance(event, Deployed) and event.cause == command.command_id

    async def ended(self, command: DeployJob, reply: CommandReply) -> None:
        """Do what follows the end of a deployment, which is in its log: none begins it again."""
        if reply.code is not ReplyCode.DONE:
            try:
                self._publish_failure(command, reply)
            except OSError as error:
                logger.error("failed deployment not published", job=command.job_name, error=str(error))
        await self._remove_upload(command)

    def _publish_failure(self, command: DeployJob, reply: CommandReply) -> None:
        """Publish that a deployment ended without a new version, unless an earlier event says how it ended.

        Raises:
            OSError: There is no room for the event.
        """
        if reply == upload_gone():
            return
        self._events.deploy_failed(
            command.job_type,
            command.job_name,
            command.command_id,
            reply.message,
            command.trace,
            code=reply.code,
            requested_by=command.requested_by,
        )

    async def _remove_upload(self, command: DeployJob) -> None:
        may_hold_secrets = command.upload not in self._without_secrets
        self._without_secrets.discard(command.upload)
        if command.kind is UploadKind.PACKAGE:  # no upload, but what versions of the job need
            return
        remove = self._bus.packages.erase if may_hold_secrets else self._bus.packages.delete
        try:
            await remove(command.upload)
        except BusUnavailable as error:
            logger.warning("upload left behind", upload=command.upload, error=str(error))


async def _new_files(command: DeployJob, folder: Path, left_out: Sequence[LeftOut]) -> NewFiles:
    """What a folder is to become, as the command and the files in it say.

    Raises:
        InvalidJobSettings: Its `settings.job` has faults.
    """
    settings = None
    if has_settings(folder):
        settings = await asyncio.to_thread(read_settings, folder, command.job_type)
    return NewFiles(
        job_type=command.job_type,
        job_name=command.job_name,
        folder=folder,
        cause=command.command_id,
        deployed_by=command.requested_by,
        trace=command.trace,
        settings=settings,
        patch=command.patch,
        settings_warnings=await asyncio.to_thread(settings_warnings, folder),
        disabled=True if is_disabled(folder) else None,
        unless_same=command.kind is UploadKind.PACKAGE,
        warnings=left_out_warnings(left_out),
        upgrade=command.upgrade,
    )
