"""The client that a command uses, made from its options."""

import os
from functools import cache
from pathlib import Path

from webjobs_client import Client

from webjobs_cli.invocation import Invocation, invocation
from webjobs_cli.target import Target, find_target

USER_AGENT = "webjobs-cli"
used: Target | None = None
"""The server that this command speaks to, once it does."""

_PATIENCE = 2.0  # seconds in which a command that can be repeated tries to reach the server
_LONG_PATIENCE = 30.0


def connect(*, is_patient: bool = False) -> Client:
    """The client of the server that this command speaks to; a patient one waits through a restart of it."""
    global used
    used = target = _target(invocation())
    return Client(
        target.url,
        target.username or "",
        target.password or "",
        retry_for=_LONG_PATIENCE if is_patient else _PATIENCE,
        user_agent=USER_AGENT,
    )


@cache
def _target(given: Invocation) -> Target:
    """Found once: a command that prints the password may ask for a passphrase."""
    return find_target(given.url, given.context, os.environ, Path.cwd())
