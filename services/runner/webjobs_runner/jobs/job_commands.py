"""What the commands about jobs ask for: deploy, delete, start, stop, restart, settings, import."""

from collections.abc import Mapping
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
)
from webjobs_events.errors import UnreadableDefinition
from webjobs_events.events import Deleted
from webjobs_events.refusal import RefusalSource
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.settings_check import check_bounds, check_settings
from webjobs_rules.settings_patch import merged, settings_tag

from webjobs_runner.errors import SettingsAreOthers
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.definition_changes import DefinitionChanges
from webjobs_runner.jobs.deploy_commands import DeployCommands
from webjobs_runner.jobs.import_commands import ImportCommands
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.jobs.replies import job_missing
from webjobs_runner.log import logger


class JobCommands:
    """Carries commands out; one that comes again after it was done changes nothing."""

    def __init__(
        self,
        deploys: DeployCommands,
        imports: ImportCommands,
        changes: DefinitionChanges,
        reconciler: Reconciler,
        refusals: Refusals,
        events: JobEvents,
    ) -> None:
        self._deploys = deploys
        self._imports = imports
        self._changes = changes
        self._reconciler = reconciler
        self._refusals = refusals
        self._events = events

    async def carry_out(self, command: JobCommand) -> CommandReply:
        """Do what a command asks for.

        Raises:
            StorageFull: There is no space for it, and it was not done.
            BusUnavailable: NATS does not answer; nothing is lost by trying again.
            RevisionConflict: Others kept changing the definition.
        """
        logger.info("command", command=command.verb, type=command.job_type.value, job=command.job_name)
        if isinstance(command, DeployJob):
            return await self._deploys.carry_out(command)
        if isinstance(command, ImportRuns):
            return await self._imports.carry_out(command)
        try:
            return await self._change(command)
        except UnreadableDefinition as error:
            return CommandReply(code=ReplyCode.FAILED, message=str(error))

    async def ended(self, command: JobCommand, reply: CommandReply) -> None:
        """Do what follows the end of a command, before it leaves the queue."""
        if isinstance(command, DeployJob):
            await self._deploys.ended(command, reply)

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
            return job_missing(command)
        await self._reconciler.follow((command.job_type, command.job_name), revision)
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
