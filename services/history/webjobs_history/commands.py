"""The commands of history: serve, migrate, rebuild; each from its settings to its exit code."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from webjobs_service.lifetime import leaves, run_service
from webjobs_service.logs import configure_logs
from webjobs_service.settings import load_settings_or_exit

from webjobs_history.app import migrate_tables, rebuild, serve
from webjobs_history.errors import DatabaseTooNew, RebuildRefused
from webjobs_history.rebuild_options import RebuildOptions
from webjobs_history.settings import HistorySettings

REFUSED = 3
"""Exit code when a command was refused and nothing was changed."""

log = structlog.stdlib.get_logger(__name__)

Command = Callable[[HistorySettings, asyncio.Event], Awaitable[None]]


def run_command(arguments: argparse.Namespace) -> int:
    """Run the command that the arguments name; returns the exit code."""
    command = _command(arguments)
    settings = load_settings_or_exit(HistorySettings)
    configure_logs("history", settings.log_level, settings.log_format)
    is_refused = False

    async def run(stop: asyncio.Event) -> None:
        nonlocal is_refused
        try:
            await command(settings, stop)
        except* (DatabaseTooNew, RebuildRefused) as group:
            is_refused = True
            for error in leaves(group):
                log.error("refused", reason=str(error))

    code = run_service(run)
    return REFUSED if is_refused else code


def _command(arguments: argparse.Namespace) -> Command:
    match arguments.command:
        case "migrate":
            return migrate_tables
        case "rebuild":
            options = RebuildOptions(
                force=arguments.force,
                accept_new_stream=arguments.accept_new_stream,
                recreate_tables=arguments.recreate_tables,
            )
            return partial(rebuild, options=options)
        case _:
            return serve
