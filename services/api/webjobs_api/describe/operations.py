"""Every route described, by `METHOD /path` as docs/http_api.md writes it; each feature describes its own."""

from collections.abc import Mapping

from webjobs_api.app_settings import operations as app_settings
from webjobs_api.bulk_actions import operations as bulk_actions
from webjobs_api.describe import own_operations
from webjobs_api.describe.dialects import in_every_dialect
from webjobs_api.events import operations as events
from webjobs_api.hooks import operations as hooks
from webjobs_api.http.operation import Operation
from webjobs_api.jobs import operations as jobs
from webjobs_api.login import operations as login
from webjobs_api.logs import operations as logs
from webjobs_api.monitoring import operations as monitoring
from webjobs_api.overview import operations as overview
from webjobs_api.pages import operations as pages
from webjobs_api.passthrough import operations as passthrough
from webjobs_api.runs import operations as runs
from webjobs_api.schedules import operations as schedules
from webjobs_api.site_deployments import operations as site_deployments
from webjobs_api.site_files import operations as site_files
from webjobs_api.why import operations as why

_DESCRIBED: Mapping[str, Operation] = {
    **overview.OPERATIONS,
    **bulk_actions.OPERATIONS,
    **runs.OPERATIONS,
    **jobs.OPERATIONS,
    **why.OPERATIONS,
    **schedules.OPERATIONS,
    **passthrough.OPERATIONS,
    **app_settings.OPERATIONS,
    **logs.OPERATIONS,
    **events.OPERATIONS,
    **site_files.OPERATIONS,
    **site_deployments.OPERATIONS,
    **hooks.OPERATIONS,
    **login.OPERATIONS,
    **pages.OPERATIONS,
    **monitoring.OPERATIONS,
    **own_operations.OPERATIONS,
}

OPERATIONS: Mapping[str, Operation] = in_every_dialect(_DESCRIBED)
"""In the order in which chapters are shown."""
