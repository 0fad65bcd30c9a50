"""How a run or a process ended, as a short text that is equal for ends of the same kind; pure."""

from webjobs_rules.status import Reason


def ending_evidence(reason: Reason | None, exit_code: int | None, signal: int | None = None) -> str:
    """Such as `exit_code 3` or `runner_lost`; empty when the reason is not known."""
    if reason is None:
        return ""
    number = exit_code if reason is Reason.EXIT_CODE else signal
    return reason.value if number is None else f"{reason.value} {number}"
