"""`python -m webjobs_history [migrate | rebuild]`: without a command it serves."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from webjobs_service.lifetime import leaves, run_service
from webjobs_service.logs import configure_logs
from webjobs_service.settings import load_settings_or_exit

from webjobs_history.app import migrate_tables, rebuild, serve
from webjobs_history.errors import DatabaseTooNew, RebuildRefused
from webjobs_history.rebuild import ACCEPT_NEW_STREAM, FORCE, RebuildOptions
from webjobs_history.settings import HistorySettings

REFUSED = 3
"""Exit code when a command was refused and nothing was changed."""

log = structlog.stdlib.get_logger(__name__)

Command = Callable[[HistorySettings, asyncio.Event], Awaitable[None]]


def main() -> int:
    """Run one command; returns the exit code."""
    command = _command(_parser().parse_args())
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m webjobs_history", description="History of webjobs.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="project and answer queries; the default")
    commands.add_parser("migrate", help="make the tables current")
    rebuilding = commands.add_parser("rebuild", help="drop the projection and replay the event stream")
    rebuilding.add_argument(FORCE, action="store_true", help="though events are missing in the stream")
    rebuilding.add_argument(
        ACCEPT_NEW_STREAM,
        action="store_true",
        help="though history holds runs of an event stream that does not exist any more: they are deleted",
    )
    rebuilding.add_argument(
        "--recreate-tables", action="store_true", help="drop the tables first, because they are damaged"
    )
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
