"""The files of a job on its page: the top of its folder, as the runner that answers first has it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from webjobs_events.files import FileInfo, Kind
from webjobs_events.job import JobDefinition
from webjobs_rules.amounts import size
from webjobs_rules.errors import NoRunnableScript, WebJobsError
from webjobs_rules.script import SCRIPT_HOSTS, choose_script

from webjobs_api.backends.runner_files import FILES
from webjobs_api.http import request_context
from webjobs_api.pages.frame import PARTIAL, is_asked_for, page_urls
from webjobs_api.pages.job_folder import JobFolder

REGION = "files"

_SHOWN = 20
_PATIENCE = 1.0  # seconds that a page waits for the list: a busy runner delays no page


async def files_view(request: web.Request, definition: JobDefinition) -> Mapping[str, Any]:
    """What the template `files` shows: the first files, or why there is no list.

    Viewers see none: files may hold secrets.
    """
    view: dict[str, Any] = {"files": None, "files_fault": "", "more_files": False, "candidates": 0}
    if request_context.requester(request).is_viewer:
        return view
    if not is_asked_for(request, REGION):
        return view | {PARTIAL: True}
    try:
        async with asyncio.timeout(_PATIENCE):
            folder = JobFolder(await request.app[FILES].of(None), definition)
            entries, has_more = await folder.entries("")
    except TimeoutError:
        return view | {
            "files_fault": "The runner did not list them in time. Load the page again to see them."
        }
    except WebJobsError as error:
        return view | {"files_fault": str(error)}
    names = [each.name for each in entries if each.kind is Kind.FILE]
    return view | {
        "files": entries_view(request, definition, entries[:_SHOWN], ""),
        "more_files": has_more or len(entries) > _SHOWN,
        "candidates": 0 if "/" in definition.script else _candidates(names),
    }


def entries_view(
    request: web.Request, definition: JobDefinition, entries: Sequence[FileInfo], path: str
) -> Mapping[str, Any]:
    """What templates show of entries of a folder of a job."""
    urls = page_urls(request)
    return {
        "rows": [
            (each, f"{path}/{each.name}".strip("/"), datetime.fromtimestamp(each.modified_ns // 1e9, UTC))
            for each in entries
        ],
        "page": f"{urls.page(definition.job_type, definition.job_name)}/files",
        "raw": urls.job_folder(definition.job_type, definition.job_name),
        "kinds": Kind,
        "size": size,
    }


def _candidates(names: Sequence[str]) -> int:
    """Returns how many files could be the script, by their names alone."""
    try:
        chosen = choose_script(names, SCRIPT_HOSTS, lambda _: True, is_program=lambda _: True)
    except NoRunnableScript:
        return 0
    return len(chosen.candidates)
