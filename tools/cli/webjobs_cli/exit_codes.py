"""How the exit code of `run`, `rerun` and `wait` follows from the end of a run; pure."""

from webjobs_client.models import RunDetails

from webjobs_cli.errors import FAILED, TIMED_OUT

CANCELLED = 130
LARGEST_OWN = 123
"""The largest exit code of a script that is passed on; larger ones are passed on as this one."""
SIGNALLED = 128

_TIMED_OUT = ("idle_timeout", "max_duration")


def exit_code_of(run: RunDetails) -> int:
    """The exit code for a run that has ended."""
    if run.reason == "cancelled":
        return CANCELLED
    if run.reason in _TIMED_OUT:
        return TIMED_OUT
    if run.reason == "signal" and run.signal:
        return SIGNALLED + run.signal
    if run.reason == "exit_code" and run.exit_code is not None:
        return min(run.exit_code, LARGEST_OWN) if run.exit_code >= 0 else FAILED
    return 0 if run.status == "Success" else FAILED
