"""The interpreters of Python on this machine: found, asked for their facts, and chosen."""

import json
import logging
import os
from collections.abc import Callable, Sequence

from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.python_version import fits, release_of
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable

from webjobs_environments.tools import Tools

_log = logging.getLogger("webjobs.environments")
_FACTS = """
import json, platform, sys, sysconfig
print(json.dumps({
    "path": getattr(sys, "_base_executable", None) or sys.executable,
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "abi": str(sysconfig.get_config_var("SOABI") or sysconfig.get_platform()),
    "libc": "-".join(platform.libc_ver()),
}))
"""


class Interpreters:
    """Knows the interpreters that WEBJOBS_PYTHONS names.

    Args:
        tools: Runs them.
        names: Names or absolute paths; empty: `python3`.
        find: Returns the path of a program on PATH.
    """

    def __init__(self, tools: Tools, names: Sequence[str], find: Callable[[str], str | None]) -> None:
        self._tools = tools
        self._names = list(names) or ["python3"]
        self._find = find
        self._known: dict[tuple[str, int], Interpreter] = {}  # by path and time of change

    async def choose(self, requires: str) -> Interpreter:
        """The newest interpreter that fits `requires-python`; any when that is empty.

        Raises:
            DependenciesRefused: None fits, or none starts.
        """
        found = await self.all()
        if not found:
            raise DependenciesRefused(
                PreparationStage.READ,
                f"No Python here starts: tried {', '.join(self._names)}. Have the operator install one and "
                "name it in WEBJOBS_PYTHONS.",
            )
        fitting = [each for each in found if fits(each.version, requires)]
        if not fitting:
            there = ", ".join(each.version for each in found)
            raise DependenciesRefused(
                PreparationStage.READ,
                f"No Python here fits requires-python {requires!r}: there is {there}. Change "
                "requires-python, or have the operator install another one and name it in WEBJOBS_PYTHONS.",
            )
        return max(fitting, key=lambda each: release_of(each.version))

    async def all(self) -> list[Interpreter]:
        """Every interpreter that starts, in the order of the setting."""
        found = []
        for name in self._names:
            path = self._find(name)
            interpreter = await self._facts(path) if path else None
            if interpreter is None:
                _log.warning("interpreter %s of WEBJOBS_PYTHONS does not start", name)
            elif interpreter not in found:
                found.append(interpreter)
        return found

    async def _facts(self, path: str) -> Interpreter | None:
        try:
            known_as = (path, os.stat(path).st_mtime_ns)
        except OSError:
            return None
        if known_as in self._known:
            return self._known[known_as]
        found = await self._ask(path)
        if found is not None:  # what failed may have lacked memory, or its launcher may have died
            self._known[known_as] = found
        return found

    async def _ask(self, path: str) -> Interpreter | None:
        try:
            output = await self._tools.ask([path, "-I", "-c", _FACTS], folder="/")
            facts = json.loads(output.stdout)
            return Interpreter(**(facts | {"path": os.path.realpath(facts["path"])}))
        except (DependenciesUnavailable, ValueError, TypeError, KeyError) as error:
            _log.warning("interpreter %s cannot be asked: %s", path, error)
            return None
