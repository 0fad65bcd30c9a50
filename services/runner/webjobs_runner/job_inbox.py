"""Commands about definitions: deploy, delete, start, stop, settings; each carried out once and answered."""

import asyncio
import shutil
from collections import defaultdict
from pathlib import Path

import msgspec
from webjobs_events.commands import (
    JOB_VERBS,
    ChangeJobSettings,
    CommandReply,
    DeleteJob,
    DeployJob,
    JobCommand,
    ReplyCode,
    RunTriggeredJob,
    StartContinuousJob,
    UploadKind,
    decode_command,
)
from webjobs_events.errors import BusUnavailable, RevisionConflict, UndecodableMessage, WebJobsError
from webjobs_events.events import Deleted
from webjobs_events.jetstream import Bus, ObjectNotFound, QueuedMessage
from webjobs_events.job import JobName, JobType

from webjobs_runner.archive_guard import UploadLimits
from webjobs_runner.definition_files import has_settings, is_disabled, read_settings
from webjobs_runner.definitions import Definitions, JobKey
from webjobs_runner.deploy_errors import BadUpload, FolderRefused, InvalidJobSettings
from webjobs_runner.deployment import Deployment
from webjobs_runner.domain.job_settings import read_job_settings
from webjobs_runner.errors import MissingInterpreter, NoRunnableScript
from webjobs_runner.log import logger
from webjobs_runner.package import unpack_package
from webjobs_runner.reconciler import Reconciler
from webjobs_runner.upload import place_archive, place_merged, place_script
from webjobs_runner.versions import Versions

_ROOM = 4  # commands in hand at the same time
_KEEP_SECONDS = 10.0
_RETRY_DELAY = 1.0  # seconds
_CONVERGENCE_PATIENCE = 5.0  # seconds that a reply waits for the files of this runner

_encoder = msgspec.json.Encoder()


class JobInbox:
    """Takes the commands from the queue; those about the same job one after the other."""

    def __init__(
        self,
        bus: Bus,
        definitions: Definitions,
        deployment: Deployment,
        versions: Versions,
        reconciler: Reconciler,
        limits: UploadLimits,
    ) -> None:
        self._bus = bus
        self._definitions = definitions
        self._deployment = deployment
        self._versions = versions
        self._reconciler = reconciler
        self._limits = limits
        self._locks: defaultdict[JobKey, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._in_hand: dict[QueuedMessage, asyncio.Task[None]] = {}
        self._open = True
        self._queue = bus.work_queue(
            durable="jobs",
            filters=bus.subjects.job_commands(JOB_VERBS),
            room=lambda: _ROOM - len(self._in_hand) if self._open else 0,
            on_message=self._take,
        )

    async def run(self) -> None:
        """Take commands until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(), name="queue of job commands")
            group.create_task(self._keep(), name="keeper of job commands in hand")

    async def close(self) -> None:
        """Take no more, and finish those in hand."""
        self._open = False
        if self._in_hand:
            await asyncio.wait(self._in_hand.values())

    def _take(self, message: QueuedMessage) -> None:
        self._in_hand[message] = task = asyncio.create_task(self._work(message))
        task.add_done_callback(lambda _: self._forget(message))

    def _forget(self, message: QueuedMessage) -> None:
        self._in_hand.pop(message, None)
        self._queue.room_changed()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_SECONDS)
            for message in list(self._in_hand):
                await message.keep()

    async def _work(self, message: QueuedMessage) -> None:
        try:
            command = decode_command(message.subject, message.data)
            if isinstance(command, RunTriggeredJob):
                raise UndecodableMessage(message.subject, "run is not asked for here")
        except UndecodableMessage as error:
            logger.error("unreadable command parked", subject=message.subject, error=str(error))
            await self._bus.park("runner", message, error.reason)
            await message.refuse()
            return
        try:
            async with self._locks[(command.job_type, command.job_name)]:
                reply = await self.carry_out(command)
        except (BusUnavailable, RevisionConflict) as error:
            logger.warning("command is tried again", command=command.verb, error=str(error))
            await message.give_back(_RETRY_DELAY)
            return
        except Exception as error:
            logger.exception("command failed", command=command.verb, job=command.job_name)
            reply = CommandReply(code=ReplyCode.FAILED, message=f"The runner failed: {error}")
        # Out of the queue before the answer: who has the answer may send the next command at once.
        await message.done()
        if command.reply_to:
            await self._bus.reply(command.reply_to, _encoder.encode(reply))

    async def carry_out(self, command: JobCommand) -> CommandReply:
        """Do what a command asks for.

        Raises:
            BusUnavailable: NATS does not answer; nothing is lost by trying again.
            RevisionConflict: Others kept changing the definition.
        """
        logger.info("command", command=command.verb, type=command.job_type.value, job=command.job_name)
        if isinstance(command, DeployJob):
            return await self._deploy(command)
        if isinstance(command, DeleteJob):
            revision = await self._deployment.remove(
                command.job_type, command.job_name, Deleted, cause=command.command_id
            )
        elif isinstance(command, ChangeJobSettings):
            try:
                read_job_settings(command.settings)
            except InvalidJobSettings as error:
                return CommandReply(code=ReplyCode.INVALID_SETTINGS, message=str(error))
            revision = await self._deployment.change_settings(
                command.job_type, command.job_name, command.settings, cause=command.command_id
            )
        else:
            revision = await self._deployment.set_disabled(
                command.job_type,
                command.job_name,
                not isinstance(command, StartContinuousJob),
                cause=command.command_id,
            )
        if revision is None:
            missing = f"There is no {command.job_type} job named {command.job_name}."
            return CommandReply(code=ReplyCode.JOB_NOT_FOUND, message=missing)
        await self._settled((command.job_type, command.job_name), revision)
        return CommandReply(code=ReplyCode.DONE, revision=revision)

    async def _settled(self, key: JobKey, revision: int) -> None:
        """Let this runner's own files follow before the answer, if they do so soon."""
        try:
            async with asyncio.timeout(_CONVERGENCE_PATIENCE):
                await self._definitions.told(revision)
                await self._reconciler.settled(key)
        except TimeoutError:
            logger.debug("answer sent before the files followed", job=key[1])

    async def _deploy(self, command: DeployJob) -> CommandReply:
        work = self._versions.new_path()
        upload, folder = work.with_suffix(".upload"), work.with_suffix(".folder")
        try:
            await self._bus.packages.fetch(command.upload, upload)
            return await self._deploy_folder(command, upload, folder)
        except ObjectNotFound:
            return await self._already_deployed(command)
        except (NoRunnableScript, MissingInterpreter) as error:
            return self._refused(command, ReplyCode.NO_RUNNABLE_SCRIPT, error)
        except InvalidJobSettings as error:
            return self._refused(command, ReplyCode.INVALID_SETTINGS, error)
        except (BadUpload, FolderRefused) as error:
            return self._refused(command, ReplyCode.BAD_UPLOAD, error)
        finally:
            upload.unlink(missing_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def _deploy_folder(self, command: DeployJob, upload: Path, folder: Path) -> CommandReply:
        await self._place(command, upload, folder)
        settings = await asyncio.to_thread(read_settings, folder) if has_settings(folder) else None
        disabled = True if is_disabled(folder) else None
        packaged = await self._deployment.package(folder)
        _, revision = await self._deployment.deploy(
            command.job_type,
            command.job_name,
            packaged,
            cause=command.command_id,
            settings=settings,
            disabled=disabled,
        )
        await self._settled((command.job_type, command.job_name), revision)
        await self._bus.packages.delete(command.upload)
        return CommandReply(code=ReplyCode.DONE, revision=revision)

    async def _place(self, command: DeployJob, upload: Path, folder: Path) -> None:
        """Make the upload a folder of files."""
        if command.kind is UploadKind.SCRIPT:
            await asyncio.to_thread(place_script, upload, command.file_name or "", folder)
        elif command.kind is UploadKind.ZIP:
            await asyncio.to_thread(place_archive, upload, folder, self._limits)
        else:
            await self._place_merged(command.job_type, command.job_name, upload, folder)

    async def _place_merged(self, job_type: JobType, job_name: JobName, upload: Path, folder: Path) -> None:
        found = await self._definitions.current(job_type, job_name)
        if found is None:
            await asyncio.to_thread(place_merged, upload, None, folder, self._limits)
            return
        current = folder.with_suffix(".current")
        try:
            async with self._versions.package(found[0].digest) as package:
                await asyncio.to_thread(unpack_package, package, current)
            await asyncio.to_thread(place_merged, upload, current, folder, self._limits)
        finally:
            await asyncio.to_thread(shutil.rmtree, current, True)

    async def _already_deployed(self, command: DeployJob) -> CommandReply:
        """The upload is gone: a redelivery of a command that was done, or one whose sender gave up."""
        found = await self._definitions.current(command.job_type, command.job_name)
        if found is not None and found[0].cause == command.command_id:
            return CommandReply(code=ReplyCode.DONE, revision=found[1])
        return CommandReply(
            code=ReplyCode.BAD_UPLOAD, message="The upload is not there any more; send it again."
        )

    def _refused(self, command: DeployJob, code: ReplyCode, error: WebJobsError) -> CommandReply:
        self._deployment.tell_failure(command.job_type, command.job_name, command.command_id, str(error))
        return CommandReply(code=code, message=str(error))
