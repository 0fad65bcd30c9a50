"""The parts of environments and how they hang together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin
from webjobs_environments.wiring import EnvironmentPlace, build_languages
from webjobs_events.jetstream import Bus, Definitions
from webjobs_rules.dependencies.policy import DependencyPolicy, read_build_packages

from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.preparation import Preparations
from webjobs_runner.environments.report import EnvironmentsState
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
    policy = DependencyPolicy(
        build_packages=read_build_packages(settings.build_packages), job_indexes=settings.job_indexes
    )
    place = EnvironmentPlace(
        root=root,
        home=home,
        uv=find_uv_bin(),
        pythons=settings.pythons,
        largest_bytes=settings.largest_bytes,
    )
    languages = build_languages(place, launcher, environment, policy)
    environments = Environments(bus, instance, outbox, languages, policy, downloads, state)
    preparations = Preparations(
        definitions, environments, languages, policy, downloads, state, is_on=settings.is_on
    )
    upkeep = Upkeep(definitions, environments, languages, settings.most_cache_bytes, state)
    return environments, preparations, upkeep
