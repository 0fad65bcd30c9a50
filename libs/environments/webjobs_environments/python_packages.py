"""Packages of Python: uv resolves them to a lock, and installs a lock into a virtual environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webjobs_rules.dependencies.declaration import Declaration
from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.python_lock import check_lock
from webjobs_rules.dependencies.python_version import release_of
from webjobs_rules.dependencies.vocabulary import DependencyKind, PreparationStage, ReportProgress

from webjobs_environments.tools import Tools

LOCK_NAME = "webjobs-lock.txt"
"""The lock in an environment."""

_REQUIRES = "# requires-python: "
_HEADER = re.compile(rf"(?m)^{_REQUIRES}(.*)$")
_LOCKED_BY_UV = frozenset({DependencyKind.UV_LOCK, DependencyKind.SCRIPT})


@dataclass(frozen=True, slots=True)
class PythonPackages:
    """Calls uv.

    Args:
        tools: Runs it.
        uv: Path of the program.
        policy: Of the site.
    """

    tools: Tools
    uv: str
    policy: DependencyPolicy

    async def resolve(
        self, declaration: Declaration, interpreter: Interpreter, scratch: Path, report: ReportProgress
    ) -> str:
        """Returns the lock of what is declared; `scratch` is an empty folder.

        Raises: As `Tools.must`.
        """
        lock = declaration.lock
        if lock is None:
            write_files(scratch, declaration.files)
            lock = await self._lock_of(declaration, interpreter, scratch, report)
        # A lock is made for the interpreter that was chosen and newer ones; other runners must have one.
        major, minor = release_of(interpreter.version)[:2]
        bounds = [declaration.requires_python.strip(" ,"), f">={major}.{minor}"]
        return f"{_REQUIRES}{','.join(filter(None, bounds))}\n{lock}"

    async def _lock_of(
        self, declaration: Declaration, interpreter: Interpreter, scratch: Path, report: ReportProgress
    ) -> str:
        target = scratch / LOCK_NAME
        if declaration.kind in _LOCKED_BY_UV and declaration.source.endswith(".lock"):
            command = ["export", "--frozen", "--no-dev", "--no-header", "--no-annotate"]
            if declaration.kind is DependencyKind.SCRIPT:
                command += ["--script", declaration.entry]
            else:
                command += ["--no-emit-project"]
        else:
            major, minor = release_of(interpreter.version)[:2]
            command = ["pip", "compile", declaration.entry, "--universal", "--generate-hashes"]
            command += ["--python-version", f"{major}.{minor}", "--no-header", "--no-annotate"]
            command += self._build_options()
            if self.policy.job_indexes:
                command += ["--emit-index-url", "--emit-find-links"]
        report(PreparationStage.RESOLVE, f"Resolving {declaration.source} for Python {interpreter.version}")
        await self.tools.must(
            [self.uv, *command, "--python", interpreter.path, "--quiet", "--output-file", str(target)],
            folder=str(scratch),
            stage=PreparationStage.RESOLVE,
            failure=f"{declaration.source} cannot be resolved",
            report=report,
        )
        lock = target.read_text(encoding="utf-8") if target.exists() else ""
        check_lock(lock, declaration.source, self.policy)
        return lock

    async def install(
        self, lock: str, source: str, interpreter: Interpreter, folder: Path, report: ReportProgress
    ) -> int:
        """Make `folder` a virtual environment with the packages of a lock; returns how many there are.

        Raises: As `Tools.must`.
        """
        parent = str(folder.parent)
        report(PreparationStage.INSTALL, f"Installing the packages of {source}")
        failure = f"The packages of {source} cannot be installed"
        venv = [self.uv, "venv", "--relocatable", "--no-project", "--quiet", "--python", interpreter.path]
        await self.tools.must(
            [*venv, str(folder)],
            folder=parent,
            stage=PreparationStage.INSTALL,
            failure=failure,
            report=report,
        )
        locked = folder / LOCK_NAME
        locked.write_text(lock, encoding="utf-8")
        python = str(folder / "bin" / "python")
        sync = [self.uv, "pip", "sync", "--require-hashes", "--compile-bytecode", "--link-mode", "copy"]
        sync += ["--allow-empty-requirements", *self._build_options(), "--python", python, str(locked)]
        await self.tools.must(
            sync, folder=parent, stage=PreparationStage.INSTALL, failure=failure, report=report
        )
        report(PreparationStage.CHECK, "Checking that the packages fit each other")
        await self.tools.must(
            [self.uv, "pip", "check", "--quiet", "--python", python],
            folder=parent,
            stage=PreparationStage.CHECK,
            failure=f"The packages of {source} do not fit each other",
            report=report,
        )
        return sum(1 for _ in folder.glob("lib/python*/site-packages/*.dist-info"))

    def _build_options(self) -> list[str]:
        """Which packages may be built from their source."""
        if self.policy.builds_all:
            return []
        if not self.policy.build_packages:
            return ["--no-build"]
        return ["--only-binary", ":all:", *(f"--no-binary={name}" for name in self.policy.build_packages)]


def requires_python_of(lock: str) -> str:
    """The versions of Python that a lock is for."""
    found = _HEADER.search(lock)
    return found[1].strip() if found else ""


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as file:
            file.write(content)
