"""The part of a job's page about its versions: the list, and what differs between two of them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_rules.amounts import size
from webjobs_rules.errors import WebJobsError

from webjobs_api.http import request_context
from webjobs_api.jobs.dependencies import dependencies_of
from webjobs_api.jobs.version_diff import AGAINST, VERSION_DIFFS
from webjobs_api.jobs.versions import version_named
from webjobs_api.pages.version_view import DiffView, diff_view, version_rows

REGIONS = ("diff", "versions")
_VERSION = "version"


async def versions_view(request: web.Request, definition: JobDefinition) -> Mapping[str, Any]:
    """What a page shows of the versions of a job, the difference that the query names, and its dependencies.

    Viewers see no difference: files may hold secrets.
    """
    dependencies = await dependencies_of(request.app, definition)
    prepared_bytes = dependencies.prepared.bytes if dependencies.prepared else None
    view: dict[str, Any] = {
        "versions": version_rows(definition),
        "diff": None,
        "diff_fault": "",
        "dependencies": dependencies,
        "environment_size": "" if prepared_bytes is None else size(prepared_bytes),
    }
    shown = request.query.get(_VERSION, "")
    if not shown or request_context.requester(request).is_viewer:
        return view
    try:
        version = version_named(definition, shown)
        against = request.query.get(AGAINST, "")
        diff = await request.app[VERSION_DIFFS].diff(definition, version, against)
    except WebJobsError as error:
        return view | {"diff_fault": str(error)}
    return view | {"diff": diff_view(diff, definition)}


def restorable(versions: Mapping[str, Any]) -> str:
    """Digest of the version that the page offers to restore; empty without one."""
    diff: DiffView | None = versions["diff"]
    return diff.digest if diff is not None and not diff.is_current else ""
