"""The parts of a runner and how they hang together; `app` says when each of them starts and stops."""

from dataclasses import dataclass

from webjobs_events.jetstream import Definitions, JobKey, Tunnels
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

from webjobs_runner.continuous.continuous_jobs import ContinuousJobs
from webjobs_runner.continuous.continuous_status import EventNumbers
from webjobs_runner.continuous.dependencies import ContinuousDependencies
from webjobs_runner.continuous.passthrough import Passthrough
from webjobs_runner.continuous.ports import Ports
from webjobs_runner.continuous.singleton import SingletonLeases
from webjobs_runner.continuous.usage_reports import UsageReports
from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.report import EnvironmentsState
from webjobs_runner.environments.upkeep import Upkeep
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.heartbeat import Peers
from webjobs_runner.job_wiring import build_jobs
from webjobs_runner.jobs.changed_jobs import ChangedJobs
from webjobs_runner.jobs.job_inbox import JobInbox
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.resources import Resources
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
from webjobs_runner.runs.run_log import RunLogs
from webjobs_runner.runs.run_registry import RunRegistry
from webjobs_runner.runs.unstarted_runs import UnstartedRuns
from webjobs_runner.schedule.due_times import Clock, DueTimes
from webjobs_runner.schedule.scheduled_runs import ScheduledRuns
from webjobs_runner.schedule.schedules import Schedules, wall_clock
from webjobs_runner.schedule.ticks import Ticks
from webjobs_runner.settings import RunnerSettings
from webjobs_runner.vfs.file_service import FileService
from webjobs_runner.vfs.site_files import SiteFiles


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
    jobs = build_jobs(settings, resources, definitions, disk, packages_state)
    starter, folders = jobs.starter, jobs.folders
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
            jobs.environments.define(definition)

    def is_running(key: JobKey) -> bool:
        job_type, job_name = key
        return (continuous if job_type is JobType.CONTINUOUS else registry).has_run_of(job_name)

    jobs.reconciler.on_definition(defined)
    ticks = Ticks(bus)
    due_times = DueTimes(instance, resources.live, ticks, ScheduledRuns(bus), clock)
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
            jobs.commands,
            leave_deployments=lambda: disk.is_low and peers.has_room_elsewhere(),
        ),
        reconciler=jobs.reconciler,
        refusals=jobs.refusals,
        watcher=jobs.watcher,
        packages=jobs.packages,
        retention=Retention(
            bus, site, definitions, resources.state / "retention", is_running, continuous.discard_log
        ),
        restoration=Restoration(bus, site, outbox, claims, jobs.packages, resources.journal),
        schedules=Schedules(definitions, resources.live, ticks, due_times, clock),
        files=FileService(
            bus,
            instance,
            SiteFiles(site, resources.state / "uploads"),
            jobs.upload_limits,
            without_room=disk.refusal,
            deploy=ChangedJobs(definitions, jobs.reconciler).deploy,
        ),
        environments=jobs.environments,
        upkeep=jobs.upkeep,
    )
