"""The refusal of a file that declares dependencies."""

from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesRefused


def refused(file: str, reason: str) -> DependenciesRefused:
    """The error for a file, of which `reason` says what is wrong and what to do, without a full stop."""
    return DependenciesRefused(PreparationStage.READ, f"{file} {reason}.")
