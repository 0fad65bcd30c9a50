"""Names of deployments and of their logs.

A deployment is a command `deploy` and what became of it. Its id is that of the command without the verb, and
begins with the instant of the request in the form of a run id, so that ids sort by time.
"""

import re
from datetime import datetime

from webjobs_rules.errors import InvalidRunId
from webjobs_rules.run_id import instant_of, run_id_at

DEPLOYMENT_LOG = "deployment.log"
"""File name in the chunks of the log of a deployment."""

STAGE_HEADER = "Webjobs-Stage"
"""Of a chunk of such a log: in which stage the deployment was."""

ATTEMPT_HEADER = "Webjobs-Attempt"
"""Of a chunk of such a log: how many times a runner had begun the deployment."""

END_HEADER = "Webjobs-End"
"""Of the last chunk of such a log."""

_VERB = "deploy/"
_ID = re.compile(r"\d{18}-[0-9a-f]{12}")


def deploy_command_id(requested_at: datetime, suffix: str) -> str:
    """Returns the id of a command `deploy`.

    Args:
        requested_at: When it was requested, UTC.
        suffix: 12 hexadecimal digits, unlike those of others of the same instant.
    """
    return f"{_VERB}{run_id_at(requested_at)}-{suffix}"


def deployment_id_of(command_id: str) -> str | None:
    """Returns the id of the deployment that a command performs; None when the id of a command names none."""
    deployment_id = command_id.removeprefix(_VERB)
    return deployment_id if deployment_id != command_id and is_deployment_id(deployment_id) else None


def command_id_of(deployment_id: str) -> str:
    """Returns the id of the command that performs a deployment."""
    return f"{_VERB}{deployment_id}"


def is_deployment_id(text: str) -> bool:
    """Returns whether a text can be the id of a deployment."""
    if not _ID.fullmatch(text):
        return False
    try:
        instant_of(text[:18])
    except InvalidRunId:
        return False
    return True


def requested_at_of(deployment_id: str) -> datetime:
    """Returns when a deployment was requested, UTC, to a tenth of a millisecond.

    Raises:
        InvalidRunId: It is no id of a deployment.
    """
    return instant_of(deployment_id[:18])
