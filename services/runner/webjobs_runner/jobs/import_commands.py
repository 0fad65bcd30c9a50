"""What the command to import past runs asks for."""

import asyncio
import shutil
from pathlib import Path

from webjobs_events.commands import CommandReply, ImportRuns, ReplyCode
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, Definitions, ObjectNotFound, lacks_space
from webjobs_rules.errors import BadUpload

from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.jobs.replies import job_missing, no_space, upload_gone
from webjobs_runner.jobs.run_imports import RunImports
from webjobs_runner.jobs.uploaded_folder import UploadedFolders
from webjobs_runner.log import logger


class ImportCommands:
    """Carries these commands out."""

    def __init__(
        self,
        bus: Bus,
        definitions: Definitions,
        uploads: UploadedFolders,
        disk: DiskWatch,
        imports: RunImports,
    ) -> None:
        self._bus = bus
        self._definitions = definitions
        self._uploads = uploads
        self._disk = disk
        self._imports = imports

    async def carry_out(self, command: ImportRuns) -> CommandReply:
        """Import runs; done again it changes nothing.

        Raises:
            BusUnavailable: NATS does not answer; nothing is lost by trying again.
        """
        upload, folder = self._uploads.new_paths()
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
            return job_missing(command)
        try:
            await self._bus.packages.fetch(command.upload, upload)
        except ObjectNotFound:  # it was imported, and the answer was lost, or its sender gave up
            return upload_gone()
        try:
            runs = await self._imports.carry_out(command, upload, folder)
        except BadUpload as error:
            return CommandReply(code=ReplyCode.BAD_UPLOAD, message=str(error))
        return CommandReply(code=ReplyCode.DONE, revision=found[1], runs=runs)
