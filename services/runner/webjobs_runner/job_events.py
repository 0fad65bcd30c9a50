"""Publishes what happens to a job itself: what all such events say alike is filled in here."""

from datetime import UTC, datetime
from typing import Any

from webjobs_events.envelope import cause_in
from webjobs_events.event_settings import shown_settings
from webjobs_events.events import (
    Deleted,
    Deployed,
    DeployFailed,
    JobChanged,
    JobEvent,
    Removed,
    SettingsRefused,
)
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import env_digest
from webjobs_rules.job import JobName, JobType
from webjobs_rules.trace import Trace, derived_trace

from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox

LONGEST_REASON = 2000  # characters, of an event


class JobEvents:
    """Puts events about jobs into the outbox.

    Each of them has a `cause`: the id of the command or of the drop that led to it. An event without a
    `trace` gets one that is derived from its cause, since no request led to it.
    """

    def __init__(self, instance: Instance, outbox: Outbox) -> None:
        self._instance = instance
        self._outbox = outbox

    def deployed(
        self, definition: JobDefinition, revision: int, trace: Trace | None = None, *, requested_by: str = ""
    ) -> None:
        """Publish a new version; a repeat does no harm."""
        event = Deployed(**self._definition_facts(definition, revision), requested_by=requested_by)
        self.publish(event, trace)

    def changed(
        self,
        event_type: type[JobChanged],
        definition: JobDefinition,
        revision: int,
        trace: Trace | None = None,
    ) -> None:
        """Publish what a definition says since it was written."""
        self.publish(event_type(**self._definition_facts(definition, revision)), trace)

    def removed(
        self,
        event_type: type[Removed] | type[Deleted],
        job_type: JobType,
        job_name: JobName,
        revision: int,
        cause: str,
        trace: Trace | None = None,
    ) -> None:
        """Publish that a definition was removed."""
        self.publish(event_type(**self.facts(job_type, job_name, cause, revision)), trace)

    def deploy_failed(
        self,
        job_type: JobType,
        job_name: JobName,
        cause: str,
        reason: str,
        trace: Trace | None = None,
        *,
        code: str = "",
        requested_by: str = "",
    ) -> None:
        """Publish that an upload or a dropped folder was refused."""
        facts = self.facts(job_type, job_name, cause)
        event = DeployFailed(**facts, reason=reason[:LONGEST_REASON], code=code, requested_by=requested_by)
        self.publish(event, trace)

    def settings_refused(
        self, job_type: JobType, job_name: JobName, cause: str, reason: str, trace: Trace | None = None
    ) -> None:
        """Publish that settings were refused."""
        self.publish(self.refusal_of_settings(job_type, job_name, cause, reason), trace)

    def refusal_of_settings(
        self, job_type: JobType, job_name: JobName, cause: str, reason: str
    ) -> SettingsRefused:
        """Returns the event that settings were refused, for `publish`."""
        return SettingsRefused(**self.facts(job_type, job_name, cause), reason=reason[:LONGEST_REASON])

    def publish(self, event: JobEvent, trace: Trace | None = None) -> None:
        """Put an event about a job into the outbox."""
        self._outbox.add(event, cause_in(trace or derived_trace(event.cause)))

    def _definition_facts(self, definition: JobDefinition, revision: int) -> dict[str, Any]:
        """What an event says about a definition that was written."""
        settings, names, is_abridged = shown_settings(definition.settings)
        return {
            **self.facts(definition.job_type, definition.job_name, definition.cause, revision),
            "at": definition.changed_at,
            "digest": definition.digest,
            "script": definition.script,
            "settings": settings,
            "disabled": definition.disabled,
            "env_names": names,
            "env_digest": env_digest(definition.settings, definition.digest_key),
            "warnings": definition.all_warnings,
            "is_abridged": is_abridged,
        }

    def facts(self, job_type: JobType, job_name: JobName, cause: str, revision: int = 0) -> dict[str, Any]:
        """Returns what every event about a job says; the revision is 0 where no definition was written."""
        return {
            "at": datetime.now(UTC),
            "instance": self._instance.id,
            "job_type": job_type,
            "job_name": job_name,
            "revision": revision,
            "cause": cause,
        }
