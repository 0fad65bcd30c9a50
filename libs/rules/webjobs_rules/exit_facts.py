"""The end of a script's process as a value, and its wording."""

from dataclasses import dataclass

from webjobs_rules.status import Reason


@dataclass(frozen=True, slots=True)
class ExitFacts:
    """Reason and evidence of an end that was not requested."""

    reason: Reason
    evidence: str
    exit_code: int | None = None
    signal: int | None = None


def exit_code_evidence(exit_code: int, leftovers: str = "") -> str:
    """Returns the evidence of an exit; `leftovers` is a sentence about the processes that were left."""
    return f"The script exited with code {exit_code}.{leftovers}"


def exit_code_line(exit_code: int, evidence: str) -> str:
    """Returns what the log says of an exit code that is not 0.

    Source: Kudu, BaseJobRunner.cs: clients search logs for these words.
    """
    more = evidence.removeprefix(exit_code_evidence(exit_code))
    return f"Job failed due to exit code {exit_code}" + (f".{more}" if more else "")
