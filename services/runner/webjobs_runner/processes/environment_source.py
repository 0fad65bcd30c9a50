"""Where those who start scripts get the environments of jobs from."""

from typing import Protocol

from webjobs_environments.held_environment import HeldEnvironment
from webjobs_events.job import JobDefinition


class EnvironmentSource(Protocol):
    """Has the environments of jobs."""

    async def acquire(self, definition: JobDefinition) -> HeldEnvironment:
        """The environment of a definition that has dependencies, built first if it is not here.

        Raises:
            DependenciesRefused, DependenciesUnavailable: It cannot be built.
            BusUnavailable: Its lock is not here, and NATS does not answer.
        """
        ...

    def repair(self, definition: JobDefinition) -> None:
        """Check the environment of a definition, and build it again for its next use if it was changed."""
        ...
