"""Constructs what makes environments, from what the operator allows."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.tool_environment import tool_environment
from webjobs_rules.environment import inherited_environment

from webjobs_environments.builder import Builder
from webjobs_environments.folders import EnvironmentFolders
from webjobs_environments.in_use import UsedEnvironments
from webjobs_environments.interpreters import Interpreters
from webjobs_environments.language import Language, Languages
from webjobs_environments.node_packages import NodePackages
from webjobs_environments.python_packages import PythonPackages, requires_python_of
from webjobs_environments.tools import ProgramStarter, Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlace:
    """Where environments lie and what makes them.

    Attributes:
        root: Folder of all environments.
        home: An empty folder, the home of the programs that install.
        uv: Path of uv.
        pythons: Names or paths of interpreters, separated by commas; empty: `python3`.
        largest_bytes: That one environment may have.
    """

    root: Path
    home: Path
    uv: str
    pythons: str
    largest_bytes: int


def build_languages(
    place: EnvironmentPlace, starter: ProgramStarter, environment: Mapping[str, str], policy: DependencyPolicy
) -> Languages:
    """Construct what makes environments.

    Args:
        place: Where they lie.
        starter: Starts programs.
        environment: Of this process; programs get little of it.
        policy: What is allowed.
    """
    own_programs = str(Path(sys.executable).parent) if sys.prefix != sys.base_prefix else None
    search_path = inherited_environment(environment, own_programs)["PATH"]
    variables = tool_environment(
        {**environment, "PATH": search_path}, str(place.home), str(place.root / "cache"), os.getcwd()
    )
    tools = Tools(starter, variables)

    def find(name: str) -> str | None:
        return shutil.which(name, path=search_path)

    names = [name.strip() for name in place.pythons.split(",") if name.strip()]
    interpreters = Interpreters(tools, names, find)

    async def choose_for_lock(lock: str) -> Interpreter:
        return await interpreters.choose(requires_python_of(lock))

    uv, npm = PythonPackages(tools, place.uv, policy), NodePackages(tools, find)
    python = EnvironmentFolders(place.root / "python", "bin/python")
    node = EnvironmentFolders(place.root / "node", "node_modules")
    return Languages(
        python=Language(
            python,
            Builder(python, uv, place.largest_bytes),
            UsedEnvironments(python, is_node=False),
            uv,
            interpreters.choose,
            choose_for_lock,
        ),
        node=Language(
            node,
            Builder(node, npm, place.largest_bytes),
            UsedEnvironments(node, is_node=True),
            npm,
            npm.choose,
            npm.choose,
        ),
    )
