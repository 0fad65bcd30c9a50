"""`python -m webjobs_runner`: settings, logs, run; nothing else."""

import os
import sys

from webjobs_service.lifetime import run_service
from webjobs_service.logs import configure_logs
from webjobs_service.settings import load_settings_or_exit

from webjobs_runner.app import run_runner
from webjobs_runner.settings import RunnerSettings


def main() -> int:
    """Run the service; answers its exit code."""
    settings = load_settings_or_exit(RunnerSettings)
    configure_logs("runner", settings.log_level, settings.log_format)
    environment = dict(os.environ)
    return run_service(lambda stop: run_runner(settings, environment, stop))


if __name__ == "__main__":
    sys.exit(main())
