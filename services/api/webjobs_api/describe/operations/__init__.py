"""Every route described, by `METHOD /path` as docs/http_api.md writes it: one entry for each."""

from collections.abc import Mapping

from webjobs_api.describe.dialects import in_every_dialect
from webjobs_api.describe.operation import Operation
from webjobs_api.describe.operations import (
    all_runs,
    app_settings,
    deployments,
    files,
    hooks,
    jobs,
    live,
    logs,
    operators,
    pages,
    passthrough,
    refusals,
    schedules,
)

_DESCRIBED: Mapping[str, Operation] = {
    **all_runs.OPERATIONS,
    **refusals.OPERATIONS,
    **jobs.OPERATIONS,
    **schedules.OPERATIONS,
    **passthrough.OPERATIONS,
    **app_settings.OPERATIONS,
    **logs.OPERATIONS,
    **live.OPERATIONS,
    **files.OPERATIONS,
    **deployments.OPERATIONS,
    **hooks.OPERATIONS,
    **pages.OPERATIONS,
    **operators.OPERATIONS,
}

OPERATIONS: Mapping[str, Operation] = in_every_dialect(_DESCRIBED)
"""In the order in which chapters are shown."""
