"""Packages of Node.js: npm resolves them to a lock, and installs a lock into a folder."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from webjobs_rules.dependencies.declaration import Declaration
from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.node_lock import (
    PACKAGE_LOCK,
    files_of_lock,
    node_lock,
    scripts_of_lock,
)
from webjobs_rules.dependencies.tool_output import sentences
from webjobs_rules.dependencies.vocabulary import PreparationStage, ReportProgress
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable

from webjobs_environments.python_packages import LOCK_NAME, write_files
from webjobs_environments.tools import Tools

_FACTS = """
const header = process.report.getReport().header
console.log(JSON.stringify({
  path: process.execPath, implementation: "node", version: process.version.slice(1),
  abi: `${process.versions.modules}-${process.platform}-${process.arch}`,
  libc: `glibc-${header.glibcVersionRuntime}`,
}))
"""
_QUIET = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
# Of npm from 11 on; older ones take no notice, and what they resolve elsewhere is refused afterwards.
_REGISTRY_ONLY = [f"--allow-{what}=none" for what in ("git", "remote", "file", "directory")]


@dataclass(frozen=True, slots=True)
class NodePackages:
    """Calls npm.

    Args:
        tools: Runs it.
        find: Returns the path of a program on PATH.
        known: Each Node.js that was asked for its facts, by path and time of change.
    """

    tools: Tools
    find: Callable[[str], str | None]
    known: dict[tuple[str, int], Interpreter] = field(default_factory=dict)

    async def choose(self, lock: str = "") -> Interpreter:
        """Returns the Node.js of this machine.

        Raises:
            DependenciesRefused: There is none, or no npm, or it does not start.
            DependenciesUnavailable: It was killed, or cannot be started now.
        """
        node = self.find("node") or self.find("nodejs")
        if node is None or self.find("npm") is None:
            raise DependenciesRefused(
                PreparationStage.READ,
                "The packages of package.json need Node.js and npm: have the operator install both.",
            )
        known_as = (node, os.stat(node).st_mtime_ns)
        if known_as in self.known:
            return self.known[known_as]
        output = await self.tools.ask([node, "-e", _FACTS], folder="/")
        if output.exit_code is None:  # the kernel, for lack of memory, or the launcher died
            raise DependenciesUnavailable(PreparationStage.READ, f"{node} was killed. Try again.")
        try:
            interpreter = self.known[known_as] = Interpreter(**json.loads(output.stdout))
            return interpreter
        except (ValueError, TypeError) as error:
            written = sentences(output.lines) or str(error)
            raise DependenciesRefused(
                PreparationStage.READ, f"{node} does not start:\n{written}\nHave the operator repair it."
            ) from error

    async def resolve(
        self, declaration: Declaration, interpreter: Interpreter, scratch: Path, report: ReportProgress
    ) -> str:
        """Returns the lock of what is declared; `scratch` is an empty folder.

        Raises: As `Tools.must`.
        """
        if declaration.lock is not None:
            return declaration.lock
        await asyncio.to_thread(write_files, scratch, declaration.files)
        report(PreparationStage.RESOLVE, f"Resolving {declaration.source} for Node.js {interpreter.version}")
        await self.tools.must(
            [self._npm, "install", "--package-lock-only", *_QUIET, *_REGISTRY_ONLY],
            folder=str(scratch),
            stage=PreparationStage.RESOLVE,
            failure=f"{declaration.source} cannot be resolved",
            report=report,
        )
        package = json.loads(declaration.files[declaration.entry])  # written by find_declaration
        return node_lock(package, (scratch / PACKAGE_LOCK).read_text("utf-8"), declaration.source)

    async def install(
        self, lock: str, source: str, interpreter: Interpreter, folder: Path, report: ReportProgress
    ) -> int:
        """Have `node_modules` of a lock in `folder`; returns how many packages there are.

        Raises: As `Tools.must`.
        """
        report(PreparationStage.INSTALL, f"Installing the packages of {source}")
        folder.mkdir()
        await asyncio.to_thread(write_files, folder, files_of_lock(lock))
        await self.tools.must(
            [self._npm, "ci", "--omit=dev", *_QUIET, *_REGISTRY_ONLY],
            folder=str(folder),
            stage=PreparationStage.INSTALL,
            failure=f"The packages of {source} cannot be installed",
            report=report,
        )
        await self._run_scripts(lock, source, folder, report)
        (folder / LOCK_NAME).write_text(lock, encoding="utf-8")
        modules = folder / "node_modules"
        modules.mkdir(exist_ok=True)  # where every package is for another system
        installed = modules / ".package-lock.json"
        return len(json.loads(installed.read_bytes())["packages"]) if installed.exists() else 0

    async def _run_scripts(self, lock: str, source: str, folder: Path, report: ReportProgress) -> None:
        """Run the scripts of the packages that may run them; of the others say that they are not run."""
        allowed, others = scripts_of_lock(lock)
        if others:
            named = ", ".join(others[:5]) + (" and others" if len(others) > 5 else "")
            report(PreparationStage.INSTALL, f"Scripts of packages are not run: {named}")
        if not allowed:
            return
        report(PreparationStage.INSTALL, f"Running the scripts of {', '.join(allowed)}")
        quiet = [each for each in _QUIET if each != "--ignore-scripts"]
        await self.tools.must(
            [self._npm, "rebuild", "--ignore-scripts=false", "--foreground-scripts", *quiet, *allowed],
            folder=str(folder),
            stage=PreparationStage.INSTALL,
            failure=f"A script of the packages of {source} failed",
            report=report,
        )

    @property
    def _npm(self) -> str:
        return self.find("npm") or "npm"
