"""Handlers for jobs of either type: the list of all, and the settings of one."""

import asyncio
from typing import Any

from aiohttp import web
from webjobs_events.commands import ChangeJobSettings, PatchJobSettings
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType
from webjobs_rules.settings_check import MAX_SETTINGS_BYTES, check_bounds
from webjobs_rules.settings_patch import settings_tag

from webjobs_api.backends.known_job import require_readable
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.legacy_responses import JobJson
from webjobs_api.http.problems import with_problems
from webjobs_api.http.request_errors import UnsupportedPatch
from webjobs_api.http.requests import arm_settings_of, settings_of
from webjobs_api.http.viewer import visible
from webjobs_api.jobs import continuous, triggered
from webjobs_api.jobs.commands import COMMANDS, command_from
from webjobs_api.jobs.script_choice import MAX_BODY_BYTES, names_of, script_choice

_PATCH_TYPES = frozenset({"application/merge-patch+json", "application/json"})
_LONGEST_TAG = 100  # characters
_MOST_TAGS = 100


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs`: triggered jobs first, as in Kudu."""
    beside = [request.app[DEFINITIONS].settings_of(each) for each in JobType]
    return request_context.show(request, await all_jobs(request), beside)


async def get_settings(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/settings`."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    settings = visible(request, definition).settings
    tag = settings_tag(settings)  # of what is shown: a viewer cannot test guesses of secrets by it
    if any(given.value in (tag, "*") for given in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        response = request_context.json(settings)
    response.headers.update({"ETag": f'"{tag}"', "Cache-Control": "no-cache"})
    return response


@with_problems
async def choose_script_by_names(request: web.Request) -> web.Response:
    """`POST /api/script-choice`."""
    names = names_of(await request_context.read_body(request, MAX_BODY_BYTES))
    return request_context.json(script_choice(names))


async def put_settings(request: web.Request) -> web.Response:
    """`PUT /api/jobs/{type}/{job}/settings`."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    settings = settings_of(await request_context.read_body(request, MAX_SETTINGS_BYTES))
    await change_settings(request, definition, settings, _expected_tags(request))
    return await _settings_changed(request, definition)


async def patch_settings(request: web.Request) -> web.Response:
    """`PATCH /api/jobs/{type}/{job}/settings`: the runner merges, so that no other change is lost."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    if request.content_type not in _PATCH_TYPES:
        raise UnsupportedPatch(request.headers.get("Content-Type", ""))
    patch = settings_of(await request_context.read_body(request, MAX_SETTINGS_BYTES))
    await merge_settings(request, definition, patch, _expected_tags(request))
    return await _settings_changed(request, definition)


async def put_arm_settings(request: web.Request) -> web.Response:
    """`PUT /api/{type}webjobs/{job}` with ARM's JSON: sets the settings only; answers the job."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    settings = arm_settings_of(await request_context.read_body(request, MAX_SETTINGS_BYTES))
    await change_settings(request, definition, settings, _expected_tags(request))
    changed = await request.app[DEFINITIONS].get(definition.job_type, definition.job_name)
    answer = request_context.enveloped(request, await job_json(request, changed))
    return request_context.warned(request_context.json(answer), changed)


async def job_json(request: web.Request, definition: JobDefinition) -> JobJson:
    """A job of either type as this client wants it written."""
    is_triggered = definition.job_type is JobType.TRIGGERED
    return await (triggered.job_json if is_triggered else continuous.job_json)(request, definition)


async def all_jobs(request: web.Request) -> list[JobJson]:
    """Every job: triggered ones first, each type in name order."""
    first, second = await asyncio.gather(triggered.all_jobs(request), continuous.all_jobs(request))
    return [*first, *second]


async def change_settings(
    request: web.Request, definition: JobDefinition, settings: dict[str, Any], only_if: list[str] | None
) -> None:
    """Let a job have other settings, all of them.

    Args:
        request: Who asks.
        definition: Of the job.
        settings: What it has from now on.
        only_if: Nothing is changed unless the settings have one of these tags by then; None: any will do.

    Raises:
        UnreadableDefinition: Its stored definition cannot be read.
        InvalidJobSettings: They are too many or too large.
        WebJobsError: As `JobCommands.send`.
    """
    require_readable(definition)
    check_bounds(settings)
    await request.app[COMMANDS].send(
        command_from(
            request,
            ChangeJobSettings,
            definition.job_type,
            definition.job_name,
            settings=settings,
            only_if=only_if,
        )
    )


async def merge_settings(
    request: web.Request, definition: JobDefinition, patch: dict[str, Any], only_if: list[str] | None = None
) -> None:
    """Let a job have some other settings, by a JSON merge patch; the others stay as they are then.

    Args and raises: As `change_settings`.
    """
    require_readable(definition)
    check_bounds(patch)
    await request.app[COMMANDS].send(
        command_from(
            request,
            PatchJobSettings,
            definition.job_type,
            definition.job_name,
            patch=patch,
            only_if=only_if,
        )
    )


async def _settings_changed(request: web.Request, definition: JobDefinition) -> web.Response:
    changed = await request.app[DEFINITIONS].get(definition.job_type, definition.job_name)
    answer = request_context.responses(request).settings_changed_json(changed)
    return request_context.warned(web.Response() if answer is None else request_context.json(answer), changed)


def _expected_tags(request: web.Request) -> list[str] | None:
    """The tags of settings in `If-Match`; None when any will do.

    A weak tag counts too: compression makes tags weak, and this tag stands for every byte.
    """
    tags = request.if_match
    if tags is None or any(tag.value == "*" for tag in tags):
        return None
    return [tag.value[:_LONGEST_TAG] for tag in tags][:_MOST_TAGS]
