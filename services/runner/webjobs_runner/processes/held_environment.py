"""An environment with a job's packages, as those who start scripts see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from webjobs_events.job import JobDefinition


@dataclass(frozen=True, slots=True)
class HeldEnvironment:
    """An environment that stays until it is released.

    Attributes:
        folder: Its absolute path.
        release: Ends this use of it.
    """

    folder: str
    release: Callable[[], None]

    def variables(self, path: str) -> Mapping[str, str]:
        """What a script needs to find the packages; `path` is the PATH that it would have."""
        return {
            "VIRTUAL_ENV": self.folder,
            "PATH": f"{self.folder}/bin:{path}",
            "PYTHONNOUSERSITE": "1",
        }


class EnvironmentSource(Protocol):
    """Has the environments of jobs."""

    async def acquire(self, definition: JobDefinition) -> HeldEnvironment:
        """The environment of a definition that has dependencies, built first if it is not here.

        Raises:
            DependenciesRefused, DependenciesUnavailable: It cannot be built.
            BusUnavailable: Its lock is not here, and NATS does not answer.
        """
        ...
