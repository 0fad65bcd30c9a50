"""The parts of a runner and how they hang together; `app` says when each of them starts and stops."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin
from webjobs_environments.folders import delete
from webjobs_environments.wiring import EnvironmentPlace, build_languages
from webjobs_events.jetstream import Bus, Definitions, JobKey, LiveSettings, Tunnels
from webjobs_events.job import JobDefinition
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.dependencies.policy import DependencyPolicy, read_build_packages
from webjobs_rules.job import JobType
from webjobs_rules.script import SCRIPT_HOSTS, extend_hosts
from webjobs_rules.status import Reason
from webjobs_service.loop_watchdog import LoopWatchdog

from webjobs_runner.continuous.continuous_jobs import ContinuousJobs
from webjobs_runner.continuous.continuous_status import EventNumbers
from webjobs_runner.continuous.dependencies import ContinuousDependencies
from webjobs_runner.continuous.passthrough import Passthrough
from webjobs_runner.continuous.ports import Ports
from webjobs_runner.continuous.singleton import SingletonLeases
from webjobs_runner.continuous.usage_reports import UsageReports
from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.preparation import Preparations
from webjobs_runner.environments.report import EnvironmentsState
from webjobs_runner.environments.upkeep import Upkeep
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.in_place import InPlaceFiles
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.site import Site
from webjobs_runner.files.versions import Versions
from webjobs_runner.files.working_copy import WorkingCopies
from webjobs_runner.heartbeat import Peers
from webjobs_runner.instance import Instance
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.changed_jobs import ChangedJobs
from webjobs_runner.jobs.definition_changes import DefinitionChanges
from webjobs_runner.jobs.deploy_commands import DeployCommands
from webjobs_runner.jobs.deployment import Deployment
from webjobs_runner.jobs.deployment_log import DeploymentLogs
from webjobs_runner.jobs.edited_folders import EditedFolders
from webjobs_runner.jobs.folder_drops import FolderDrops
from webjobs_runner.jobs.follow_up import FollowUps
from webjobs_runner.jobs.import_commands import ImportCommands
from webjobs_runner.jobs.job_commands import JobCommands
from webjobs_runner.jobs.job_inbox import JobInbox
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.jobs.run_imports import RunImports
from webjobs_runner.jobs.uploaded_folder import UploadedFolders
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.process import Launcher
from webjobs_runner.processes.script_programs import ScriptPrograms
from webjobs_runner.processes.script_start import ScriptPlace, ScriptStarter
from webjobs_runner.processes.wine_prefix import WinePrefixes
from webjobs_runner.restoration import Restoration
from webjobs_runner.retention import Retention
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claimed_runs import ClaimedRuns
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.executor import RunExecutor
from webjobs_runner.runs.failed_commands import FailedCommands
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.finished_elsewhere import FinishedElsewhere
from webjobs_runner.runs.handler import RunHandler
from webjobs_runner.runs.next_runs import NextRuns
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.queue_signals import QueueSignals
from webjobs_runner.runs.recovery import Recovery
from webjobs_runner.runs.run_inbox import RunInbox
from webjobs_runner.runs.run_journal import RunJournal
from webjobs_runner.runs.run_log import RunLogs
from webjobs_runner.runs.run_registry import RunRegistry
from webjobs_runner.runs.status_file import StatusFiles
from webjobs_runner.runs.unstarted_runs import UnstartedRuns
from webjobs_runner.schedule.due_times import Clock, DueTimes
from webjobs_runner.schedule.scheduled_runs import ScheduledRuns
from webjobs_runner.schedule.schedules import Schedules, wall_clock
from webjobs_runner.schedule.ticks import Ticks
from webjobs_runner.settings import RunnerSettings
from webjobs_runner.vfs.file_service import FileService
from webjobs_runner.vfs.site_files import SiteFiles


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened before all components, and closed after them.

    Attributes:
        instance: The identity of this runner.
        site: The site folder.
        state: The runner's own folder in it.
        temporary: The runner's own temporary folder.
        copies: Working copies, in the temporary folder.
        bus: To NATS.
        live: App settings as they are now.
        outbox: Of events.
        journal: Of unfinished runs, on disk.
        statuses: Status files of runs.
        launcher: Of scripts.
        environment: Of the runner, as it was started.
        watchdog: Of the event loop.
    """

    instance: Instance
    site: Site
    state: Path
    temporary: Path
    copies: WorkingCopies
    bus: Bus
    live: LiveSettings
    outbox: Outbox
    journal: RunJournal
    statuses: StatusFiles
    launcher: Launcher
    environment: Mapping[str, str]
    watchdog: LoopWatchdog


@dataclass(frozen=True, slots=True)
class Components:
    """What runs until the runner stops, or is asked by what does."""

    disk: DiskWatch
    peers: Peers
    definitions: Definitions
    leases: SingletonLeases
    shipper: LogShipper
    continuous: ContinuousJobs
    usage: UsageReports
    tunnels: Tunnels
    registry: RunRegistry
    claims: Claims
    requests: CancelRequests
    runs: RunInbox
    limits: ConcurrencyLimits
    next_runs: NextRuns
    unstarted_runs: UnstartedRuns
    orphaned_runs: OrphanedRuns
    finished_elsewhere: FinishedElsewhere
    recovery: Recovery
    jobs: JobInbox
    reconciler: Reconciler
    refusals: Refusals
    watcher: FileDropWatcher
    packages: PackageStore
    retention: Retention
    restoration: Restoration
    schedules: Schedules
    files: FileService
    environments: Environments
    upkeep: Upkeep


def build_components(
    settings: RunnerSettings, resources: Resources, terms: LeaseTerms, clock: Clock = wall_clock
) -> Components:
    """Construct every component, in the order of their dependencies."""
    bus, instance, site, outbox = resources.bus, resources.instance, resources.site, resources.outbox
    disk = DiskWatch(site.root, settings.disk_reserve_mb, instance, outbox)
    packages_state = EnvironmentsState(
        settings.environment_limit_mb * 1024 * 1024, settings.cache_limit_mb * 1024 * 1024
    )
    peers = Peers(bus, instance, outbox, disk, terms, settings.slots, packages_state)
    # On one disk with NATS, what is shipped would take the space that logs leave free.
    shipper = LogShipper(bus, may_ship=lambda: disk.room_for_logs() > 0)
    cap = LogCap(resources.live, disk.room_for_logs)
    definitions = Definitions(bus, restore=True)
    registry, signals = RunRegistry(), QueueSignals()
    requests = CancelRequests(bus, registry)
    logs = RunLogs(bus, instance, site, shipper, cap)
    claims = Claims(bus, instance)
    dependencies = RunDependencies(
        bus, instance, outbox, definitions, claims, requests, resources.journal, logs
    )
    finish = Finish(dependencies, resources.statuses, peers, signals)
    disk.on_change(resources.statuses.write_kept)
    orphaned_runs = OrphanedRuns(dependencies, finish, peers)
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
    leases = SingletonLeases(bus, instance, terms)
    continuous_dependencies = ContinuousDependencies(
        instance,
        resources.live,
        starter,
        folders,
        outbox,
        leases,
        terms,
        EventNumbers(),
        Ports(instance.id),
        cap,
    )
    continuous = ContinuousJobs(bus, site, resources.state / "logs", continuous_dependencies, shipper)
    limits = ConcurrencyLimits(bus, definitions, requests, signals, registry)
    executor = RunExecutor(dependencies, resources.live, starter, registry, finish, peers)
    claimed_runs = ClaimedRuns(dependencies, peers, orphaned_runs, finish, executor, folders)
    failed = FailedCommands(dependencies, orphaned_runs, resources.watchdog)
    handler = RunHandler(bus, registry, limits, claimed_runs, finish, failed)
    runs = RunInbox(bus, settings.slots, handler.handle, has_room=lambda: not disk.is_low)
    disk.on_change(runs.room_changed)
    unstarted_runs = UnstartedRuns(dependencies, orphaned_runs, registry)
    peers.on_lapse(continuous.lapsed)

    def defined(key: JobKey, definition: JobDefinition | None) -> None:
        job_type, job_name = key
        if job_type is JobType.CONTINUOUS:
            continuous.define(job_name, definition)
        elif definition is None:
            registry.request_end(Reason.DELETED, "The job was deleted.", job_name)
            unstarted_runs.job_deleted(job_name)
        if definition is None:
            resources.copies.discard(job_type, job_name)
        else:
            environments.define(definition)

    def is_running(key: JobKey) -> bool:
        job_type, job_name = key
        return (continuous if job_type is JobType.CONTINUOUS else registry).has_run_of(job_name)

    reconciler.on_definition(defined)
    ticks = Ticks(bus)
    due_times = DueTimes(instance, resources.live, ticks, ScheduledRuns(bus), clock)
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
    return Components(
        disk=disk,
        peers=peers,
        definitions=definitions,
        leases=leases,
        shipper=shipper,
        continuous=continuous,
        usage=UsageReports(bus, instance, continuous.running),
        tunnels=bus.tunnels_of(instance.id, Passthrough(instance.id, continuous.port_of).accept),
        registry=registry,
        claims=claims,
        requests=requests,
        runs=runs,
        limits=limits,
        next_runs=NextRuns(bus, signals, limits, registry, runs),
        unstarted_runs=unstarted_runs,
        orphaned_runs=orphaned_runs,
        finished_elsewhere=FinishedElsewhere(bus, registry, peers),
        recovery=Recovery(dependencies, finish, orphaned_runs),
        jobs=JobInbox(
            bus,
            JobCommands(deploys, imports, changes, reconciler, refusals, job_events),
            leave_deployments=lambda: disk.is_low and peers.has_room_elsewhere(),
        ),
        reconciler=reconciler,
        refusals=refusals,
        watcher=watcher,
        packages=packages,
        retention=Retention(
            bus, site, definitions, resources.state / "retention", is_running, continuous.discard_log
        ),
        restoration=Restoration(bus, site, outbox, claims, packages, resources.journal),
        schedules=Schedules(definitions, resources.live, ticks, due_times, clock),
        files=FileService(
            bus,
            instance,
            SiteFiles(site, resources.state / "uploads"),
            upload_limits,
            without_room=disk.refusal,
            deploy=ChangedJobs(definitions, reconciler).deploy,
        ),
        environments=environments,
        upkeep=upkeep,
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
