"""`python -m webjobs_runner`: arguments, settings, logs, run; nothing else."""

import os
import sys

from webjobs_service.command_line import ServiceArguments

_ARGUMENTS = ServiceArguments(
    "webjobs_runner", "Run the scripts of jobs.", "webjobs_runner.settings:RunnerSettings"
)


def main() -> int:
    """Run the service; returns the exit code."""
    _ARGUMENTS.parse_args()
    # Only now: `--version` must not wait for these imports.
    from webjobs_service.lifetime import run_service
    from webjobs_service.logs import configure_logs
    from webjobs_service.settings import load_settings_or_exit

    from webjobs_runner.app import run_runner
    from webjobs_runner.settings import RunnerSettings

    settings = load_settings_or_exit(RunnerSettings)
    configure_logs("runner", settings.log_level, settings.log_format)
    environment = dict(os.environ)
    return run_service(lambda stop: run_runner(settings, environment, stop))


if __name__ == "__main__":
    sys.exit(main())
