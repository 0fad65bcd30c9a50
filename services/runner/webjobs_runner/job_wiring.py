"""What has the jobs of a runner, their files and their packages, and how it hangs together."""

from dataclasses import dataclass

from uv import find_uv_bin
from webjobs_environments.folders import delete
from webjobs_environments.wiring import EnvironmentPlace, build_languages
from webjobs_events.jetstream import Definitions
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.dependencies.policy import DependencyPolicy, read_build_packages
from webjobs_rules.script import SCRIPT_HOSTS, extend_hosts

from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.preparation import Preparations
from webjobs_runner.environments.report import EnvironmentsState
from webjobs_runner.environments.upkeep import Upkeep
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.in_place import InPlaceFiles
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.versions import Versions
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.definition_changes import DefinitionChanges
from webjobs_runner.jobs.deploy_commands import DeployCommands
from webjobs_runner.jobs.deployment import Deployment
from webjobs_runner.jobs.deployment_log import DeploymentLogs
from webjobs_runner.jobs.edited_folders import EditedFolders
from webjobs_runner.jobs.folder_drops import FolderDrops
from webjobs_runner.jobs.follow_up import FollowUps
from webjobs_runner.jobs.import_commands import ImportCommands
from webjobs_runner.jobs.job_commands import JobCommands
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.jobs.run_imports import RunImports
from webjobs_runner.jobs.uploaded_folder import UploadedFolders
from webjobs_runner.processes.script_programs import ScriptPrograms
from webjobs_runner.processes.script_start import ScriptPlace, ScriptStarter
from webjobs_runner.processes.wine_prefix import WinePrefixes
from webjobs_runner.resources import Resources
from webjobs_runner.settings import RunnerSettings


@dataclass(frozen=True, slots=True)
class JobComponents:
    """What the rest of a runner needs of it.

    Attributes:
        watcher: Reports which folders of jobs were changed.
        reconciler: Brings folders and definitions in line.
        folders: Takes an edited folder before its job is started.
        commands: Carries out the commands about jobs.
        packages: Stores the files of versions.
        refusals: What was refused.
        environments: Have the packages that jobs need.
        upkeep: Removes unused environments.
        starter: Starts scripts.
        upload_limits: How far an archive may go.
    """

    watcher: FileDropWatcher
    reconciler: Reconciler
    folders: EditedFolders
    commands: JobCommands
    packages: PackageStore
    refusals: Refusals
    environments: Environments
    upkeep: Upkeep
    starter: ScriptStarter
    upload_limits: UploadLimits


def build_jobs(
    settings: RunnerSettings,
    resources: Resources,
    definitions: Definitions,
    disk: DiskWatch,
    packages_state: EnvironmentsState,
) -> JobComponents:
    """Construct them, in the order of their dependencies."""
    bus, instance, site, outbox = resources.bus, resources.instance, resources.site, resources.outbox
    watcher, in_place = FileDropWatcher(site), InPlaceFiles(resources.state / "in-place")
    installed = InstalledFolders(site, in_place, watcher)
    versions = Versions(bus, site, resources.copies, installed, resources.state / "downloads")
    job_events = JobEvents(instance, outbox)
    environments, preparations, upkeep = _environments(
        settings, resources, definitions, job_events, packages_state
    )
    programs = ScriptPrograms(extend_hosts(SCRIPT_HOSTS, settings.script_hosts), resources.environment)
    starter = _starter(settings, resources, programs, versions, environments)
    packages = PackageStore(bus, definitions, versions, resources.live)
    refusals = Refusals(bus, instance)
    deployment = Deployment(instance, definitions, programs, packages, refusals, preparations, job_events)
    changes = DefinitionChanges(bus, instance, definitions, packages, refusals, job_events)
    drops = FolderDrops(bus, site, definitions, deployment, changes, job_events)
    reconciler = Reconciler(bus, site, definitions, drops, versions, watcher, in_place, installed, refusals)
    folders = EditedFolders(definitions, installed, reconciler)
    upload_limits = UploadLimits(unpacked_bytes=settings.unpacked_limit_mb * 1024 * 1024)
    uploads = UploadedFolders(definitions, versions, upload_limits)
    deploys = DeployCommands(
        bus,
        definitions,
        uploads,
        deployment,
        reconciler,
        disk,
        refusals,
        job_events,
        DeploymentLogs(bus, instance),
        FollowUps(bus, resources.live),
    )
    run_imports = RunImports(bus, instance, outbox, upload_limits)
    imports = ImportCommands(bus, definitions, uploads, disk, run_imports)
    return JobComponents(
        watcher=watcher,
        reconciler=reconciler,
        folders=folders,
        commands=JobCommands(deploys, imports, changes, reconciler, refusals, job_events),
        packages=packages,
        refusals=refusals,
        environments=environments,
        upkeep=upkeep,
        starter=starter,
        upload_limits=upload_limits,
    )


def _environments(
    settings: RunnerSettings,
    resources: Resources,
    definitions: Definitions,
    events: JobEvents,
    state: EnvironmentsState,
) -> tuple[Environments, Preparations, Upkeep]:
    """What builds environments, what prepares those of deployments, and what removes unused ones."""
    downloads, home = resources.state / "downloads", resources.state / "home"
    delete(home)  # with what killed programs have left in it
    home.mkdir(parents=True)
    policy = DependencyPolicy(
        build_packages=read_build_packages(settings.build_packages),
        job_indexes=settings.job_indexes,
        install_scripts=settings.install_scripts == "listed",
    )
    place = EnvironmentPlace(
        root=resources.site.root / "data" / ".environments",
        home=home,
        uv=find_uv_bin(),
        pythons=settings.pythons,
        largest_bytes=settings.environment_limit_mb * 1024 * 1024,
    )
    languages = build_languages(place, resources.launcher, resources.environment, policy)
    bus, instance = resources.bus, resources.instance
    environments = Environments(bus, instance, events, languages, policy, downloads, state)
    is_on = settings.dependencies == "on"
    preparations = Preparations(definitions, environments, languages, policy, downloads, state, is_on=is_on)
    upkeep = Upkeep(definitions, environments, languages, settings.cache_limit_mb * 1024 * 1024, state)
    return environments, preparations, upkeep


def _starter(
    settings: RunnerSettings,
    resources: Resources,
    programs: ScriptPrograms,
    versions: Versions,
    environments: Environments,
) -> ScriptStarter:
    instance, site = resources.instance, resources.site
    prefixes = resources.temporary / "jobs" / "wine"
    return ScriptStarter(
        ScriptPlace(instance, site, resources.temporary, settings.namespace),
        programs,
        resources.launcher,
        versions,
        environments,
        WinePrefixes(site.root / "data" / ".wine", prefixes, instance.id, resources.launcher),
        resources.live,
    )
