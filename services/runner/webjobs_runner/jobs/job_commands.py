"""What the commands about definitions ask for: deploy, delete, start, stop, restart, settings."""

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webjobs_events.commands import (
    ChangeJobSettings,
    CommandReply,
    DeleteJob,
    DeployJob,
    ImportRuns,
    JobCommand,
    PatchJobSettings,
    ReplyCode,
    RestartContinuousJob,
    StartContinuousJob,
    UploadKind,
)
from webjobs_events.envelope import decode_event
from webjobs_events.errors import (
    BusUnavailable,
    CommandRefused,
    RevisionConflict,
    StorageFull,
    UndecodableMessage,
    UnreadableDefinition,
)
from webjobs_events.events import Deleted, Deployed
from webjobs_events.jetstream import Bus, Definitions, JobKey, LiveSettings, ObjectNotFound, lacks_space
from webjobs_events.job import JobDefinition
from webjobs_events.refusal import RefusalSource
from webjobs_rules.archive_entries import UploadLimits
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
from webjobs_rules.settings_check import check_bounds, check_settings
from webjobs_rules.settings_patch import merged, settings_tag

from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.errors import SettingsAreOthers
from webjobs_runner.files.definition_files import has_settings, is_disabled, read_settings, settings_warnings
from webjobs_runner.files.package import unpack_package
from webjobs_runner.files.upload import place_archive, place_merged, place_script
from webjobs_runner.files.versions import Versions
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.definition_changes import DefinitionChanges
from webjobs_runner.jobs.deployment import Deployment, NewFiles
from webjobs_runner.jobs.deployment_log import MOST_ATTEMPTS, DeploymentLog, DeploymentLogs
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.jobs.run_imports import RunImports
from webjobs_runner.log import logger

_CONVERGENCE_PATIENCE = 5.0  # seconds that a reply waits for the files of this runner

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
_UPLOAD_GONE = "The upload is not there any more; send it again."
_ABANDONED = (
    f"Runners have begun this deployment {MOST_ATTEMPTS} times and never finished it. "
    "Look at their logs, then deploy again."
)


def no_space(reason: str) -> CommandReply:
    """The reply to a command that was not carried out for lack of space."""
    return CommandReply(code=ReplyCode.NO_SPACE, message=f"{reason} Nothing was changed.")


def _version_gone(command: DeployJob) -> CommandReply:
    """The reply to a command that is about a version without a package."""
    gone = f"The package of version {command.upload[:12]} is not kept any more. Deploy its files again."
    return CommandReply(code=ReplyCode.VERSION_GONE, message=gone)


class JobCommands:
    """Carries commands out; one that comes again after it was done changes nothing."""

    def __init__(
        self,
        bus: Bus,
        definitions: Definitions,
        deployment: Deployment,
        changes: DefinitionChanges,
        events: JobEvents,
        versions: Versions,
        reconciler: Reconciler,
        limits: UploadLimits,
        disk: DiskWatch,
        refusals: Refusals,
        imports: RunImports,
        logs: DeploymentLogs,
        live: LiveSettings,
    ) -> None:
        self._live = live
        self._logs = logs
        self._without_secrets: set[str] = set()  # names of uploads
        self._bus = bus
        self._definitions = definitions
        self._deployment = deployment
        self._changes = changes
        self._events = events
        self._versions = versions
        self._reconciler = reconciler
        self._limits = limits
        self._disk = disk
        self._refusals = refusals
        self._imports = imports

    async def carry_out(self, command: JobCommand) -> CommandReply:
        """Do what a command asks for.

        Raises:
            StorageFull: There is no space for it, and it was not done.
            BusUnavailable: NATS does not answer; nothing is lost by trying again.
            RevisionConflict: Others kept changing the definition.
        """
        logger.info("command", command=command.verb, type=command.job_type.value, job=command.job_name)
        if isinstance(command, DeployJob):
            return await self._deploy(command)
        if isinstance(command, ImportRuns):
            return await self._import_runs(command)
        try:
            return await self._change(command)
        except UnreadableDefinition as error:
            return CommandReply(code=ReplyCode.FAILED, message=str(error))

    async def _change(self, command: JobCommand) -> CommandReply:
        """Change or remove a definition."""
        if isinstance(command, DeleteJob):
            revision = await self._changes.remove(
                command.job_type, command.job_name, Deleted, cause=command.command_id, trace=command.trace
            )
            await self._refusals.forget_sent(command.job_type, command.job_name)
        elif isinstance(command, ChangeJobSettings | PatchJobSettings):
            try:
                revision = await self._change_settings(command)
            except InvalidJobSettings as error:
                await self._refuse_settings(command, str(error))
                return CommandReply(code=ReplyCode.INVALID_SETTINGS, message=str(error))
            except SettingsAreOthers as error:
                return CommandReply(code=ReplyCode.PRECONDITION, message=str(error))
        elif isinstance(command, RestartContinuousJob):
            revision = await self._changes.request_restart(
                command.job_type, command.job_name, cause=command.command_id, trace=command.trace
            )
        else:
            is_start = isinstance(command, StartContinuousJob)
            revision = await self._changes.set_disabled(
                command.job_type,
                command.job_name,
                not is_start,
                cause=command.command_id,
                trace=command.trace,
            )
        if revision is None:
            missing = f"There is no {command.job_type} job named {command.job_name}."
            return CommandReply(code=ReplyCode.JOB_NOT_FOUND, message=missing)
        await self._settled((command.job_type, command.job_name), revision)
        return CommandReply(code=ReplyCode.DONE, revision=revision)

    async def _change_settings(self, command: ChangeJobSettings | PatchJobSettings) -> int | None:
        def revise(present: Mapping[str, Any]) -> Mapping[str, Any]:
            if command.only_if is not None and settings_tag(present) not in command.only_if:
                raise SettingsAreOthers(command.job_name)
            if isinstance(command, PatchJobSettings):
                check_bounds(command.patch)
                settings = merged(present, command.patch)
            else:
                settings = command.settings
            check_settings(settings, command.job_type)
            return settings

        revision = await self._changes.revise_settings(
            command.job_type, command.job_name, revise, cause=command.command_id, trace=command.trace
        )
        await self._refusals.forget_sent(command.job_type, command.job_name, RefusalSource.SETTINGS)
        return revision

    async def _refuse_settings(self, command: ChangeJobSettings | PatchJobSettings, reason: str) -> None:
        job_type, job_name = command.job_type, command.job_name
        self._events.settings_refused(job_type, job_name, command.command_id, reason, command.trace)
        await self._refusals.put_sent(RefusalSource.SETTINGS, job_type, job_name, reason)

    async def _settled(self, key: JobKey, revision: int) -> None:
        """Let this runner's own files follow before the answer, if they do so soon."""
        try:
            async with asyncio.timeout(_CONVERGENCE_PATIENCE):
                await self._definitions.reached(revision)
                await self._reconciler.settled(key)
        except TimeoutError:
            logger.debug("answer sent before the files followed", job=key[1])

    # Import of runs

    async def _import_runs(self, command: ImportRuns) -> CommandReply:
        work = self._versions.new_path()
        upload, folder = work.with_suffix(".upload"), work.with_suffix(".folder")
        try:
            if refusal := self._disk.refusal():
                return no_space(refusal)
            reply = await self._import_upload(command, upload, folder)
        except OSError as error:
            if not lacks_space(error):
                raise
            return no_space(str(error))
        finally:
            upload.unlink(missing_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder, True)
        try:
            await self._bus.packages.delete(command.upload)
        except BusUnavailable as error:
            logger.warning("upload left behind", upload=command.upload, error=str(error))
        return reply

    async def _import_upload(self, command: ImportRuns, upload: Path, folder: Path) -> CommandReply:
        found = await self._definitions.current(command.job_type, command.job_name)
        if found is None:
            missing = f"There is no {command.job_type} job named {command.job_name}."
            return CommandReply(code=ReplyCode.JOB_NOT_FOUND, message=missing)
        try:
            await self._bus.packages.fetch(command.upload, upload)
        except ObjectNotFound:  # it was imported, and the answer was lost, or its sender gave up
            gone = "The upload is not there any more; send it again."
            return CommandReply(code=ReplyCode.BAD_UPLOAD, message=gone)
        try:
            runs = await self._imports.carry_out(command, upload, folder)
        except BadUpload as error:
            return CommandReply(code=ReplyCode.BAD_UPLOAD, message=str(error))
        return CommandReply(code=ReplyCode.DONE, revision=found[1], runs=runs)

    # Deployment

    def failed(self, command: DeployJob, reply: CommandReply) -> None:
        """Publish that a deployment ended without a new version, unless an earlier event says how it ended.

        Raises:
            OSError: There is no room for the event.
        """
        if reply.message == _UPLOAD_GONE:
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

    async def _deploy(self, command: DeployJob) -> CommandReply:
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
        work = self._versions.new_path()
        upload, folder = work.with_suffix(".upload"), work.with_suffix(".folder")
        try:
            reply = await self._deploy_if_there_is_room(command, upload, folder, log)
            if reply.code is ReplyCode.DONE and not has_settings(folder):
                self._without_secrets.add(command.upload)
            return reply
        finally:
            upload.unlink(missing_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def remove_upload(self, command: DeployJob) -> None:
        """Remove the upload of a deployment that has ended, which is in its log: none begins it again."""
        may_hold_secrets = command.upload not in self._without_secrets
        self._without_secrets.discard(command.upload)
        if command.kind is UploadKind.PACKAGE:  # no upload, but what versions of the job need
            return
        remove = self._bus.packages.erase if may_hold_secrets else self._bus.packages.delete
        try:
            await remove(command.upload)
        except BusUnavailable as error:
            logger.warning("upload left behind", upload=command.upload, error=str(error))

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
            return await self._followed(command, *found, log)
        if found is not None and await self._was_deployed(command):  # and the definition was changed since
            return await self._followed(command, *found, log)
        is_restored = command.kind is UploadKind.PACKAGE
        if is_restored and (found is None or command.upload not in found[0].kept_packages):
            return _version_gone(command)
        try:
            await self._bus.packages.fetch(command.upload, upload)
        except ObjectNotFound:  # its sender gave up, or it was refused and the answer was lost
            if is_restored:
                return _version_gone(command)
            return CommandReply(code=ReplyCode.BAD_UPLOAD, message=_UPLOAD_GONE)
        log.write("unpack", _BEGINNINGS[command.kind])
        try:
            left_out = await self._place(command, upload, folder)
            settings = None
            if has_settings(folder):
                settings = await asyncio.to_thread(read_settings, folder, command.job_type)
            files = NewFiles(
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
                unless_same=is_restored,
                warnings=left_out_warnings(left_out),
                upgrade=command.upgrade,
            )
            definition, revision = await self._deployment.deploy(files, log.write)
        except DependenciesUnavailable as error:  # nothing is wrong with the upload
            return CommandReply(code=ReplyCode.DEPENDENCIES_UNAVAILABLE, message=str(error))
        except tuple(refusal for refusal, _ in _REFUSALS) as error:
            await self._refusals.put_sent(
                RefusalSource.UPLOAD, command.job_type, command.job_name, str(error)
            )
            code = next(code for refusal, code in _REFUSALS if isinstance(error, refusal))
            return CommandReply(code=code, message=str(error))
        await self._settled((command.job_type, command.job_name), revision)
        return await self._followed(command, definition, revision, log)

    async def _followed(
        self, command: DeployJob, definition: JobDefinition, revision: int, log: DeploymentLog
    ) -> CommandReply:
        """Request the run that is to follow a deployment, once however often this is done; the reply to it.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        run, fault = command.follow_up, ""
        if run is not None:
            fault = self._why_no_run(definition)
            if not fault:
                with contextlib.suppress(CommandRefused):  # it is in the queue already
                    await self._bus.publish_command(run)
            log.write("done", fault or f"Run {run.run_id} is requested.")
        return CommandReply(code=ReplyCode.DONE, revision=revision, has_followed=True, run_fault=fault)

    def _why_no_run(self, definition: JobDefinition) -> str:
        """Why the run that is to follow a deployment may not begin; empty when it may."""
        if definition.settings.get("enabled") is False:
            return "The job was not run: enabled is false in settings.job."
        return "The job was not run: WEBJOBS_STOPPED is set." if self._live.flag("WEBJOBS_STOPPED") else ""

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

    async def _place(self, command: DeployJob, upload: Path, folder: Path) -> list[LeftOut]:
        """Make the upload a folder of files; returns what was left out."""
        if command.kind is UploadKind.SCRIPT:
            await asyncio.to_thread(place_script, upload, command.file_name or "", folder)
            return []
        if command.kind is UploadKind.PACKAGE:
            await asyncio.to_thread(unpack_package, upload, folder)
            return []
        if command.kind is UploadKind.ZIP:
            return await asyncio.to_thread(place_archive, upload, folder, self._limits)
        return await self._place_merged(command, upload, folder)

    async def _place_merged(self, command: DeployJob, upload: Path, folder: Path) -> list[LeftOut]:
        """Lay the upload over the present version; returns what was left out.

        Raises:
            BusUnavailable: The version's package is being replaced; try again.
        """
        found = await self._definitions.current(command.job_type, command.job_name)
        if found is None:
            return await asyncio.to_thread(place_merged, upload, None, folder, self._limits)
        current = folder.with_suffix(".current")
        try:
            async with self._versions.package(found[0].digest) as package:
                await asyncio.to_thread(unpack_package, package, current)
            return await asyncio.to_thread(place_merged, upload, current, folder, self._limits)
        except ObjectNotFound as error:
            raise BusUnavailable("fetching the present version", str(error)) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, current, True)
