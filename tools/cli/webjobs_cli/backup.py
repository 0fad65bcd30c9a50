"""`webjobs backup` and `webjobs restore`: in the foreground, until they are done or refused."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path

import click
from webjobs_rules.app_settings import is_credential
from webjobs_service.credential_handover import close_to_others, erase_variables
from webjobs_stack import backup

from webjobs_cli.json_lines import UP, is_json, json_line


def back_up(file: Path, data: Path, *, replace: bool) -> None:
    """Back up the stack of a data folder.

    Raises:
        WebJobsError: No stack runs there.
        Exit: It failed; the reason was printed.
    """
    options = backup.BackupOptions(file, data, _environment(), replace)
    _end_with(backup.back_up(options))


def restore(file: Path, data: Path) -> None:
    """Restore a backup into a data folder.

    Raises:
        WebJobsError: A stack runs there, or a server did not start.
        Exit: It failed; the reason was printed.
    """
    environment = _environment()
    in_json = is_json(environment)

    def report(text: str) -> None:
        print(json_line(UP, text) if in_json else text, flush=True)

    _end_with(backup.restore(backup.BackupOptions(file, data, environment), report))


def _environment() -> dict[str, str]:
    """The variables, with the credentials that are erased from those of this process."""
    environment = dict(os.environ)
    close_to_others()
    erase_variables({name for name in environment if is_credential(name)})
    return environment


def _end_with(work: Coroutine[None, None, int]) -> None:
    code = asyncio.run(work)
    if code < 0:
        click.echo(f"webjobs: {signal.Signals(-code).name} ended the work; run the command again.", err=True)
    if code:
        raise click.exceptions.Exit(1)
