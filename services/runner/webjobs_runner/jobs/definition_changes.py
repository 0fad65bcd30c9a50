"""Changes and removes the definitions of jobs whose files stay as they are: each change is one event."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from webjobs_events.events import (
    Deleted,
    Disabled,
    Enabled,
    JobChanged,
    Removed,
    RestartRequested,
    SettingsChanged,
)
from webjobs_events.jetstream import Bus, Definitions
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import new_digest_key
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_warnings import bounded_warnings
from webjobs_rules.settings_check import warnings_of
from webjobs_rules.trace import Trace

from webjobs_runner.domain.schedule_start import scheduled_since
from webjobs_runner.instance import Instance
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.refusals import Refusals


class DefinitionChanges:
    """Changes settings, disables, enables, restarts and removes jobs; see `Deployment` for new files.

    Each change has a `cause`: the id of the command, or of the drop. One that comes again with the same
    cause changes nothing.
    """

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        definitions: Definitions,
        packages: PackageStore,
        refusals: Refusals,
        events: JobEvents,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._definitions = definitions
        self._packages = packages
        self._refusals = refusals
        self._events = events

    async def change_settings(
        self,
        job_type: JobType,
        job_name: JobName,
        settings: Mapping[str, Any],
        *,
        cause: str,
        trace: Trace | None = None,
        disabled: bool | None = None,
        warnings: Sequence[str] = (),
    ) -> int | None:
        """Replace a job's settings; returns the revision, None when there is no such job.

        `warnings` are about how they were read; those that the settings themselves cause are added here.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(
                now,
                settings=dict(settings),
                disabled=now.disabled if disabled is None else disabled,
                settings_warnings=bounded_warnings([*warnings, *warnings_of(settings)]),
            )

        return await self._revise(job_type, job_name, decide, SettingsChanged, cause, trace)

    async def revise_settings(
        self,
        job_type: JobType,
        job_name: JobName,
        revise: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        *,
        cause: str,
        trace: Trace | None = None,
    ) -> int | None:
        """Write what `revise` makes of a job's settings; no change of another runner is lost.

        Returns:
            The revision; None when there is no such job.

        Raises:
            WebJobsError: Whatever `revise` raises; nothing was changed.
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            settings = dict(revise(now.settings))
            return replace(now, settings=settings, settings_warnings=bounded_warnings(warnings_of(settings)))

        return await self._revise(job_type, job_name, decide, SettingsChanged, cause, trace)

    async def set_disabled(
        self,
        job_type: JobType,
        job_name: JobName,
        disabled: bool,
        *,
        cause: str,
        trace: Trace | None = None,
    ) -> int | None:
        """Disable or enable a job; returns the revision, None when there is no such job.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(now, disabled=disabled)

        event_type = Disabled if disabled else Enabled
        return await self._revise(job_type, job_name, decide, event_type, cause, trace)

    async def request_restart(
        self, job_type: JobType, job_name: JobName, *, cause: str, trace: Trace | None = None
    ) -> int | None:
        """Have every runner restart a continuous job, once for each `cause`.

        Returns:
            The revision; None when there is no such job.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(now, restarted_by=cause)

        return await self._revise(job_type, job_name, decide, RestartRequested, cause, trace)

    async def _revise(
        self,
        job_type: JobType,
        job_name: JobName,
        decide: Callable[[JobDefinition], JobDefinition],
        event_type: type[JobChanged],
        cause: str,
        trace: Trace | None,
    ) -> int | None:
        def changed(now: JobDefinition | None) -> JobDefinition | None:
            if now is None or now.cause == cause:
                return None
            decided, written_at = decide(now), datetime.now(UTC)
            if decided == now:
                return None
            return replace(
                decided,
                changed_at=written_at,
                changed_by=self._instance.id,
                cause=cause,
                scheduled_since=scheduled_since(now, job_type, decided.settings, written_at),
                digest_key=now.digest_key or new_digest_key(),
            )

        written = await self._definitions.change(job_type, job_name, changed)
        if written is None:
            return None
        definition, revision, is_new = written
        if is_new or definition.cause == cause:
            self._events.changed(event_type, definition, revision, trace)
        return revision

    async def remove(
        self,
        job_type: JobType,
        job_name: JobName,
        event_type: type[Removed] | type[Deleted],
        *,
        cause: str,
        trace: Trace | None = None,
    ) -> int | None:
        """Remove a job's definition; returns the revision of the removal, None when there was none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        known = await self._definitions.readable(job_type, job_name)
        revision = await self._definitions.remove(job_type, job_name)
        if revision is None:
            revision = await self._unpublished_removal(job_type, job_name, event_type)
        if revision is None:
            return None
        self._events.removed(event_type, job_type, job_name, revision, cause, trace)
        if known is not None:
            self._packages.supersede(known[0])
        await self._refusals.resolved(job_type, job_name)
        return revision

    async def _unpublished_removal(
        self, job_type: JobType, job_name: JobName, event_type: type[Removed] | type[Deleted]
    ) -> int | None:
        """The revision of a removal whose author died before publishing it; None when there is none."""
        revision = await self._definitions.removed_at(job_type, job_name)
        if revision is None:
            return None
        for published_as in (Removed, Deleted):
            subject = self._bus.subjects.job_event(
                job_type, job_name, str(published_as.__struct_config__.tag)
            )
            newest = await self._bus.last_message(self._bus.subjects.events_stream, subject)
            is_published = newest is not None and newest.headers.get("ce-id", "").endswith(f"/{revision}")
            # A job that was only taken from its folder can still be deleted, with its history.
            if is_published and (published_as is Deleted or event_type is Removed):
                return None
        return revision
