"""The words for dependencies of jobs: where they are declared, the stages of a preparation, its progress."""

from collections.abc import Callable
from enum import StrEnum


class DependencyKind(StrEnum):
    """Which file of a job declares its dependencies."""

    SCRIPT = "script"
    """The block `# /// script` of the chosen `.py` file (PEP 723)."""
    REQUIREMENTS = "requirements"
    """`requirements.txt`."""
    UV_LOCK = "uv_lock"
    """`uv.lock` with its `pyproject.toml`."""
    PYLOCK = "pylock"
    """`pylock.toml` (PEP 751)."""
    PYPROJECT = "pyproject"
    """`dependencies` in `[project]` of `pyproject.toml`."""
    PACKAGE_LOCK = "package_lock"
    """`package-lock.json` with its `package.json`."""
    PACKAGE_JSON = "package_json"
    """`package.json` alone."""

    @property
    def is_node(self) -> bool:
        """Whether it declares packages of Node.js."""
        return self in (DependencyKind.PACKAGE_LOCK, DependencyKind.PACKAGE_JSON)


class PreparationStage(StrEnum):
    """The stages of a preparation, in their order."""

    READ = "read"
    """The inputs are found and checked, and an interpreter is chosen."""
    RESOLVE = "resolve"
    """The versions of all packages are chosen and written into a lock; left out for known inputs."""
    INSTALL = "install"
    """The packages of the lock are downloaded and installed."""
    CHECK = "check"
    """What was installed is checked, and put in its place."""


ReportProgress = Callable[[PreparationStage, str], None]
"""Takes the stage and one line, without credentials, as a preparation goes on; called in the event loop."""


def report_nothing(stage: PreparationStage, line: str) -> None:
    """A `ReportProgress` for callers that show no progress."""
