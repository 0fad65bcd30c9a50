"""The client that a command uses, made from its options."""

import os
from pathlib import Path

from webjobs_client import Client

from webjobs_cli.invocation import invocation
from webjobs_cli.target import find_target

USER_AGENT = "webjobs-cli"
_PATIENCE = 2.0  # seconds in which a command that can be repeated tries to reach the server
_LONG_PATIENCE = 30.0


def connect(*, is_patient: bool = False) -> Client:
    """The client of the server that this command speaks to; a patient one waits through a restart."""
    given = invocation()
    target = find_target(given.url, given.context, os.environ, Path.cwd())
    return Client(
        target.url,
        target.username or "",
        target.password or "",
        retry_for=_LONG_PATIENCE if is_patient else _PATIENCE,
        user_agent=USER_AGENT,
    )
