"""What differs between environments of Python and of Node.js."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from webjobs_rules.dependencies.declaration import Declaration
from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.vocabulary import DependencyKind, ReportProgress

from webjobs_environments.builder import Builder
from webjobs_environments.folders import EnvironmentFolders
from webjobs_environments.in_use import UsedEnvironments


class Resolver(Protocol):
    """Makes locks."""

    async def resolve(
        self, declaration: Declaration, interpreter: Interpreter, scratch: Path, report: ReportProgress
    ) -> str:
        """Returns the lock of what is declared; `scratch` is an empty folder."""
        ...


@dataclass(frozen=True, slots=True)
class Language:
    """All that makes and keeps the environments of a language.

    Attributes:
        folders: Where they lie.
        builder: Builds them.
        used: Holds those in use.
        resolver: Makes locks.
        choose: Returns the interpreter for what a declaration requires.
        choose_for_lock: Returns the interpreter for a lock.
    """

    folders: EnvironmentFolders
    builder: Builder
    used: UsedEnvironments
    resolver: Resolver
    choose: Callable[[str], Coroutine[Any, Any, Interpreter]]
    choose_for_lock: Callable[[str], Coroutine[Any, Any, Interpreter]]


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages that packages are installed for."""

    python: Language
    node: Language

    def of(self, kind: DependencyKind) -> Language:
        """The language of a declaration."""
        return self.node if kind.is_node else self.python

    @property
    def all(self) -> tuple[Language, Language]:
        """Both."""
        return self.python, self.node
