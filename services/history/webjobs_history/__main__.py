"""`python -m webjobs_history [migrate | rebuild | backup | restore]`: without a command it serves."""

import argparse
import sys

from webjobs_service.command_line import ServiceArguments

from webjobs_history.rebuild_options import ACCEPT_NEW_STREAM, FORCE


def main() -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args()
    # Only now: `--version` must not wait for this import.
    if arguments.command in ("backup", "restore"):
        from webjobs_history.backup.commands import run_command
    else:
        from webjobs_history.commands import run_command
    return run_command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = ServiceArguments(
        "webjobs_history",
        "Fold events into Postgres and answer queries about runs.",
        "webjobs_history.settings:HistorySettings",
    )
    commands = parser.add_subparsers(dest="command", parser_class=argparse.ArgumentParser)
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
    backing_up = commands.add_parser("backup", help="write everything into a file while it runs")
    backing_up.add_argument("file", help="the file that is made")
    backing_up.add_argument("--force", action="store_true", help="replace a file of that name")
    restoring = commands.add_parser("restore", help="restore a backup into an empty stack that does not run")
    restoring.add_argument("file", help="a file that `backup` made")
    return parser


if __name__ == "__main__":
    sys.exit(main())
