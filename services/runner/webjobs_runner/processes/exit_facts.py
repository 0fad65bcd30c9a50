"""What the end of a script's process, or its failure to start, says in an event."""

from webjobs_rules.errors import (
    DependenciesRefused,
    DependenciesUnavailable,
    MissingInterpreter,
    NoRunnableScript,
)
from webjobs_rules.exit_facts import ExitFacts, exit_code_evidence
from webjobs_rules.status import Reason
from webjobs_rules.wine import is_wines_own

from webjobs_runner.processes.process import ProcessExit


def facts_of_exit(ended: ProcessExit) -> ExitFacts:
    """Why a process ended, and what it left running."""
    leftovers = [process for process in ended.leftovers if not is_wines_own(process)]
    left = f" Killed what it left running: {', '.join(leftovers)}." if leftovers else ""
    if ended.lost:
        return ExitFacts(Reason.RUNNER_LOST, f"The launcher of scripts died.{left}")
    if ended.signal is not None:
        evidence = f"The script was ended by signal {ended.signal}.{left}"
        return ExitFacts(Reason.SIGNAL, evidence, signal=ended.signal)
    evidence = exit_code_evidence(ended.exit_code or 0, left)
    return ExitFacts(Reason.EXIT_CODE, evidence, exit_code=ended.exit_code)


def reason_not_started(error: Exception) -> Reason:
    """Why a script was not started, by what starting it raised."""
    if isinstance(error, MissingInterpreter):
        return Reason.MISSING_INTERPRETER
    if isinstance(error, NoRunnableScript):
        return Reason.NO_SCRIPT
    if isinstance(error, DependenciesRefused | DependenciesUnavailable):
        return Reason.DEPENDENCIES
    return Reason.START_ERROR
