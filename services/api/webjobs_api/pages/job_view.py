"""What the pages of both types of job show of a job: its facts, settings and warnings; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from webjobs_events.job import JobDefinition
from webjobs_rules.amounts import counted, size
from webjobs_rules.settings_patch import settings_tag

from webjobs_api.backends.known_job import error_of
from webjobs_api.http.legacy_responses import run_command
from webjobs_api.http.urls import Urls
from webjobs_api.pages.formats import short_digest
from webjobs_api.pages.settings_form import SettingField, setting_fields
from webjobs_api.why.causes import Cause, CauseCode

_USUAL = {
    CauseCode.RUNNING,
    CauseCode.WAITING,
    CauseCode.STARTING,
    CauseCode.NEXT_DUE,
    CauseCode.NO_SCHEDULE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job's own part of its page.

    Attributes:
        name: Of the job.
        type: Triggered or continuous.
        script: As it is shown.
        script_path: Of the script in the job's folder.
        host: What runs the script.
        digest: Version of its files.
        files: How many files there are, and their size; empty when that is not known.
        changed_at: When it was deployed or its settings changed.
        changed_by: By whom.
        error: What is wrong about it; empty when nothing is.
        warnings: About its files and settings.
        settings: Each setting and its value as JSON.
        settings_json: All settings as indented JSON; empty without any.
        fields: The settings that a form changes.
        settings_tag: Of these settings, for the form that changes them.
        is_disabled: Whether its settings or a request keep it from running.
        readme: The first lines of its README.md; empty without one.
        page: Address of its page.
        archive: Address of its folder as a zip.
        api: Address in the API.
    """

    name: str
    type: str
    script: str
    script_path: str
    host: str
    digest: str
    files: str
    changed_at: datetime
    changed_by: str
    error: str
    warnings: list[str]
    settings: list[tuple[str, str]]
    settings_json: str
    fields: list[SettingField]
    settings_tag: str
    is_disabled: bool
    readme: str
    page: str
    archive: str
    api: str


def job_view(definition: JobDefinition, urls: Urls) -> JobView:
    """A job for its page."""
    job_type, name = definition.job_type, definition.job_name
    return JobView(
        name=name,
        type=job_type.value,
        script=run_command(definition),
        script_path=definition.script,
        host=definition.script_host,
        digest=short_digest(definition.digest),
        files=_files(definition),
        changed_at=definition.changed_at,
        changed_by=definition.changed_by,
        error=error_of(definition) or "",
        warnings=list(definition.all_warnings),
        settings=[(key, _compact(value)) for key, value in definition.settings.items()],
        settings_json=_indented(definition.settings),
        fields=setting_fields(definition.settings, job_type),
        settings_tag=settings_tag(definition.settings),
        is_disabled=definition.is_stopped or definition.settings.get("enabled") is False,
        readme=definition.readme,
        page=urls.page(job_type, name),
        archive=urls.job_archive(job_type, name),
        api=urls.job(job_type, name),
    )


def unusual(causes: Iterable[Cause]) -> list[Cause]:
    """Causes for the head of a job's page: those that are no part of its usual life.

    What was refused is there already, as the job's error.
    """
    return [cause for cause in causes if cause.code not in {*_USUAL, CauseCode.REFUSED}]


def _files(definition: JobDefinition) -> str:
    present = definition.known_versions[0]
    return "" if present.files is None else f"{counted(present.files, 'file')}, {size(present.size)}"


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _indented(settings: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(settings), indent=2).decode() if settings else ""
