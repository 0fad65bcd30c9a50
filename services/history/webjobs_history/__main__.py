"""`python -m webjobs_history [migrate | rebuild]`: without a command it serves."""

import argparse
import sys

from webjobs_service.lifetime import run_service
from webjobs_service.logs import configure_logs
from webjobs_service.settings import load_settings_or_exit

from webjobs_history.app import migrate_tables, rebuild, serve
from webjobs_history.settings import HistorySettings

_COMMANDS = {"serve": serve, "migrate": migrate_tables, "rebuild": rebuild}


def main() -> int:
    """Run one command; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m webjobs_history", description="History of webjobs.")
    parser.add_argument(
        "command",
        nargs="?",
        default="serve",
        choices=_COMMANDS,
        help="serve (default): project and answer; migrate: make the tables current; "
        "rebuild: drop the projection and replay the event stream",
    )
    command = _COMMANDS[parser.parse_args().command]
    settings = load_settings_or_exit(HistorySettings)
    configure_logs("history", settings.log_level, settings.log_format)
    return run_service(lambda stop: command(settings, stop))


if __name__ == "__main__":
    sys.exit(main())
