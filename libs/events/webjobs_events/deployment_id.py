"""Names of deployments and of their logs.

A deployment is a command `deploy` and what became of it. Its id is that of the command without the verb, and
begins with the instant of the request in the form of a run id, so that ids sort by time.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
from webjobs_rules.errors import InvalidRunId
from webjobs_rules.run_id import instant_of, run_id_at

from webjobs_events.commands import CommandReply

DEPLOYMENT_LOG = "deployment.log"
"""File name in the chunks of the log of a deployment."""

STAGE_HEADER = "Webjobs-Stage"
"""Of a chunk of such a log: in which stage the deployment was."""

ATTEMPT_HEADER = "Webjobs-Attempt"
"""Of a chunk of such a log: how many times a runner had begun the deployment."""

END_HEADER = "Webjobs-End"
"""Of the last chunk of such a log."""

_RESULT_HEADER = "Webjobs-Result"

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


def end_headers(reply: CommandReply) -> dict[str, str]:
    """Returns the headers of the last chunk of a log, which has the reply to the command."""
    return {END_HEADER: "1", _RESULT_HEADER: json.dumps(msgspec.to_builtins(reply))}


def reply_in(headers: Mapping[str, str]) -> CommandReply | None:
    """Returns the reply in the headers of the newest chunk of a log.

    None while the deployment goes on, and of a runner of an earlier release.
    """
    try:
        return msgspec.json.decode(headers.get(_RESULT_HEADER, ""), type=CommandReply)
    except msgspec.MsgspecError:
        return None


def next_attempt(headers: Mapping[str, str]) -> int:
    """Returns which attempt follows that of the newest chunk of a log."""
    attempts = headers.get(ATTEMPT_HEADER, "")
    return (int(attempts) if attempts.isdecimal() else 0) + 1
