"""The parts of environments and how they hang together."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin
from webjobs_events.jetstream import Bus, Definitions
from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.policy import DependencyPolicy, read_build_packages
from webjobs_rules.dependencies.tool_environment import tool_environment
from webjobs_rules.environment import inherited_environment

from webjobs_runner.environments.builder import Builder
from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.folders import EnvironmentFolders
from webjobs_runner.environments.in_use import UsedEnvironments
from webjobs_runner.environments.interpreters import Interpreters
from webjobs_runner.environments.language import Language, Languages
from webjobs_runner.environments.node_packages import NodePackages
from webjobs_runner.environments.preparation import Preparations
from webjobs_runner.environments.python_packages import PythonPackages, requires_python_of
from webjobs_runner.environments.report import EnvironmentsState
from webjobs_runner.environments.tools import Tools
from webjobs_runner.environments.upkeep import Upkeep
from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.process import Launcher


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """What the operator says about environments; see the settings of the runner."""

    is_on: bool
    pythons: str
    build_packages: str
    job_indexes: bool
    largest_bytes: int
    most_cache_bytes: int


def build_environments(
    settings: EnvironmentSettings,
    bus: Bus,
    instance: Instance,
    outbox: Outbox,
    launcher: Launcher,
    definitions: Definitions,
    environment: Mapping[str, str],
    root: Path,
    downloads: Path,
    state: EnvironmentsState,
) -> tuple[Environments, Preparations, Upkeep]:
    """Construct what builds environments under `root`, prepares deployments, and removes what is unused."""
    home = downloads.with_name("home")
    home.mkdir(parents=True, exist_ok=True)
    own_programs = str(Path(sys.executable).parent) if sys.prefix != sys.base_prefix else None
    search_path = inherited_environment(environment, own_programs)["PATH"]
    variables = tool_environment({**environment, "PATH": search_path}, str(home), str(root / "cache"))
    tools = Tools(launcher, variables)
    policy = DependencyPolicy(
        build_packages=read_build_packages(settings.build_packages), job_indexes=settings.job_indexes
    )

    def find(name: str) -> str | None:
        return shutil.which(name, path=search_path)

    names = [name.strip() for name in settings.pythons.split(",") if name.strip()]
    interpreters = Interpreters(tools, names, find)

    async def choose_for_lock(lock: str) -> Interpreter:
        return await interpreters.choose(requires_python_of(lock))

    uv, npm = PythonPackages(tools, find_uv_bin(), policy), NodePackages(tools, find)
    python, node = (
        EnvironmentFolders(root / "python", "bin/python"),
        EnvironmentFolders(root / "node", "node_modules"),
    )
    languages = Languages(
        python=Language(
            python,
            Builder(python, uv, settings.largest_bytes),
            UsedEnvironments(python),
            uv,
            interpreters.choose,
            choose_for_lock,
        ),
        node=Language(
            node,
            Builder(node, npm, settings.largest_bytes),
            UsedEnvironments(node),
            npm,
            npm.choose,
            npm.choose,
        ),
    )
    environments = Environments(bus, instance, outbox, languages, policy, downloads, state)
    preparations = Preparations(
        definitions, environments, languages, policy, downloads, state, is_on=settings.is_on
    )
    upkeep = Upkeep(definitions, environments, languages, settings.most_cache_bytes, state)
    return environments, preparations, upkeep
