"""`python -m webjobs_api`: the HTTP face of webjobs as a process."""

import os
import sys

from webjobs_service.command_line import ServiceArguments

_ARGUMENTS = ServiceArguments(
    "webjobs_api", "Serve the HTTP API of webjobs.", "webjobs_api.settings:ApiSettings"
)


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    _ARGUMENTS.parse_args()
    # Only now: `--version` must not wait for these imports.
    from webjobs_service.lifetime import run_service
    from webjobs_service.logs import configure_logs
    from webjobs_service.settings import load_settings_or_exit

    from webjobs_api.app import serve
    from webjobs_api.settings import ApiSettings

    settings = load_settings_or_exit(ApiSettings)
    configure_logs("api", settings.log_level, settings.log_format)
    environment = dict(os.environ)
    return run_service(lambda stop: serve(settings, environment, stop))


if __name__ == "__main__":
    sys.exit(main())
