"""Every route described, by `METHOD /path` as docs/http_api.md writes it: one entry for each."""

from collections.abc import Mapping

from webjobs_api.openapi.operation import Operation
from webjobs_api.openapi.operations import (
    app_settings,
    files,
    hooks,
    jobs,
    live,
    logs,
    operators,
    pages,
    passthrough,
)

OPERATIONS: Mapping[str, Operation] = {
    **jobs.OPERATIONS,
    **passthrough.OPERATIONS,
    **app_settings.OPERATIONS,
    **logs.OPERATIONS,
    **live.OPERATIONS,
    **files.OPERATIONS,
    **hooks.OPERATIONS,
    **pages.OPERATIONS,
    **operators.OPERATIONS,
}
"""In the order in which chapters are shown: that of the route table."""
