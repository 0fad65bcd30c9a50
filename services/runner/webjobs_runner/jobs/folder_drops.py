"""Makes what a person did in a job's folder the job's definition."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from webjobs_events.events import Removed
from webjobs_events.jetstream import Bus, Definitions, JobKey
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import sealed, without_env
from webjobs_rules.errors import (
    DependenciesRefused,
    DependenciesUnavailable,
    FolderRefused,
    MissingInterpreter,
    NoRunnableScript,
    WebJobsError,
)
from webjobs_rules.trace import Trace

from webjobs_runner.domain.folder_diff import Drop, DropAction
from webjobs_runner.files.job_files import InspectedFolder, forget_version, note_version
from webjobs_runner.files.site import Site
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.definition_changes import DefinitionChanges
from webjobs_runner.jobs.deployment import Deployment, NewFiles
from webjobs_runner.log import logger

_MIRROR_SECONDS = 5.0
_BY_FOLDER = "Files in the folder"  # who asked for such a deployment, as far as known


class FolderDrops:
    """Deploys, changes and removes jobs as their folders were deployed, changed and removed."""

    def __init__(
        self,
        bus: Bus,
        site: Site,
        definitions: Definitions,
        deployment: Deployment,
        changes: DefinitionChanges,
        events: JobEvents,
    ) -> None:
        self._bus = bus
        self._site = site
        self._definitions = definitions
        self._deployment = deployment
        self._changes = changes
        self._events = events

    async def take(
        self, key: JobKey, inspected: InspectedFolder, drop: Drop, trace: Trace | None = None
    ) -> str:
        """Make what a person did in the folder the job's definition; returns why that was refused, or "".

        `trace` is that of the request that changed the files, if one did.
        """
        job_type, job_name = key
        logger.info("job changed on disk", type=job_type.value, job=job_name, change=drop.action.value)
        if drop.action is DropAction.REMOVE:
            await self._remove(key, trace)
            return ""
        content = inspected.content
        assert content is not None
        doubts = inspected.settings_warnings if drop.settings == content.settings else ()
        cause = f"file-drop/{content.digest}/{datetime.now(UTC).timestamp():.3f}"
        if drop.action is DropAction.DEPLOY:
            try:
                files = NewFiles(
                    job_type=job_type,
                    job_name=job_name,
                    folder=inspected.folder,
                    cause=cause,
                    deployed_by=_BY_FOLDER,
                    trace=trace,
                    settings=drop.settings,
                    disabled=drop.disabled,
                    unless_same=True,
                    settings_warnings=doubts,
                )
                definition, revision = await self._deployment.deploy(files)
            except DependenciesUnavailable as error:  # it is tried again
                self.refuse(key, content.digest, str(error), trace)
                raise
            except (NoRunnableScript, MissingInterpreter, FolderRefused, DependenciesRefused) as error:
                self.refuse(key, content.digest, str(error), trace)
                if self._takes_job_away(key, inspected, error):
                    await self._remove(key, trace)
                    # What is left is not the installed version: restoring that later makes it a job again.
                    await asyncio.to_thread(forget_version, self._site, job_type, job_name)
                return str(error)
            digest, cause = definition.digest, definition.cause
            changed_at: int | None = revision
        else:
            changed_at = await self._change(key, drop, cause, trace, doubts)
            digest = content.digest
        # What the folder itself holds: what the definition has from elsewhere is brought here next.
        await asyncio.to_thread(
            note_version,
            self._site,
            job_type,
            job_name,
            digest,
            content.settings or {},
            content.disabled,
            cause=cause,
        )
        await self._mirrored(changed_at)
        return ""

    async def _change(
        self, key: JobKey, drop: Drop, cause: str, trace: Trace | None, doubts: Sequence[str]
    ) -> int | None:
        """Change what a definition says beside its files; returns its revision, None without a job."""
        if drop.action is DropAction.ENABLE_OR_DISABLE:
            return await self._changes.set_disabled(*key, drop.disabled, cause=cause, trace=trace)
        return await self._changes.change_settings(
            *key, drop.settings, cause=cause, trace=trace, disabled=drop.disabled, warnings=doubts
        )

    def _takes_job_away(self, key: JobKey, inspected: InspectedFolder, error: WebJobsError) -> bool:
        """Whether a refused folder has no script any more that any runner could run."""
        if isinstance(error, FolderRefused | DependenciesRefused):
            return False
        definition = self._definitions.get(*key)
        if definition is None or not isinstance(error, MissingInterpreter):
            return True
        return not (inspected.folder / definition.script).is_file()  # else this runner just lacks a program

    async def _remove(self, key: JobKey, trace: Trace | None) -> None:
        """A person took the job, or its script, away: it is no job any more, its history is kept."""
        job_type, job_name = key
        cause = f"file-drop/removed/{datetime.now(UTC).timestamp():.3f}"
        revision = await self._changes.remove(job_type, job_name, Removed, cause=cause, trace=trace)
        await self._mirrored(revision)

    async def _mirrored(self, revision: int | None) -> None:
        """Wait until this runner knows of the change, so that it is reconciled next."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MIRROR_SECONDS):
                await self._definitions.reached(revision or 0)

    def refuse(self, key: JobKey, what: str, reason: str, trace: Trace | None = None) -> None:
        """Log and publish that a folder was refused."""
        job_type, job_name = key
        logger.error("dropped job refused", type=job_type.value, job=job_name, reason=reason)
        # The same fault has the same id, whichever runner of the folder publishes it.
        fault = hashlib.sha256(reason.encode("utf-8", "replace")).hexdigest()[:12]
        self._events.deploy_failed(job_type, job_name, f"file-drop/{what}/{fault}", reason, trace)

    async def refuse_settings(self, key: JobKey, content: str, reason: str) -> None:
        """Log and publish that the `settings.job` in a folder has faults, once for each content.

        Args:
            key: The job.
            content: Names the saved file, without a digest of what it holds.
            reason: A sentence saying what is wrong.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        # The same file is published again once other settings were good in between. The cause is public: a
        # plain digest of what the file holds would let a reader test guesses of short secrets in it.
        job_type, job_name = key
        definition = self._definitions.get(job_type, job_name)
        kept = json.dumps(_without_values(definition) if definition else {}, sort_keys=True)
        cause = f"file-drop/settings/{hashlib.sha256(f'{content} {kept}'.encode()).hexdigest()[:16]}"
        event = self._events.refusal_of_settings(job_type, job_name, cause, reason)
        subjects = self._bus.subjects
        newest = await self._bus.last_message(subjects.events_stream, event.subject(subjects))
        if newest is None or newest.headers.get("ce-id") != event.event_id:
            logger.error("settings.job refused", type=job_type.value, job=job_name, reason=reason)
            self._events.publish(event)


def _without_values(definition: JobDefinition) -> dict[str, Any]:
    """The settings with a keyed digest instead of the values of `env`."""
    key = definition.digest_key
    return sealed(definition.settings, key) if key else without_env(definition.settings)
