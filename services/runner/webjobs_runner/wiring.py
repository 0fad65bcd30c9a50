"""The parts of a runner and how they hang together; `app` says when each of them starts and stops."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webjobs_events.jetstream import Bus, LiveSettings, Tunnels
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.status import Reason
from webjobs_service.loop_watchdog import LoopWatchdog

from webjobs_runner.continuous.continuous_jobs import ContinuousJobs
from webjobs_runner.continuous.continuous_status import EventNumbers
from webjobs_runner.continuous.dependencies import ContinuousDependencies
from webjobs_runner.continuous.passthrough import Passthrough
from webjobs_runner.continuous.ports import Ports
from webjobs_runner.continuous.singleton import SingletonLeases
from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.domain.script import SCRIPT_HOSTS, extend_hosts
from webjobs_runner.files.archive_entries import UploadLimits
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.in_place import InPlaceFiles
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.package_store import PackageStore
from webjobs_runner.files.site import Site
from webjobs_runner.files.versions import Versions
from webjobs_runner.files.working_copy import WorkingCopies
from webjobs_runner.heartbeat import Peers
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.changed_jobs import ChangedJobs
from webjobs_runner.jobs.definitions import Definitions, JobKey
from webjobs_runner.jobs.deployment import Deployment
from webjobs_runner.jobs.edited_folders import EditedFolders
from webjobs_runner.jobs.job_commands import JobCommands
from webjobs_runner.jobs.job_inbox import JobInbox
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.process import Launcher
from webjobs_runner.processes.script_start import ScriptStarter
from webjobs_runner.processes.wine_prefix import WinePrefixes
from webjobs_runner.restoration import Restoration
from webjobs_runner.retention import Retention
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claimed_runs import ClaimedRuns
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.executor import RunDependencies
from webjobs_runner.runs.failed_commands import FailedCommands
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.handler import RunHandler
from webjobs_runner.runs.next_runs import NextRuns
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.recovery import Recovery
from webjobs_runner.runs.run_inbox import RunInbox
from webjobs_runner.runs.run_journal import RunJournal
from webjobs_runner.runs.run_log import RunLogs
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
    """What the parts stand on: it is there before any of them, and goes after them.

    Attributes:
        instance: Who this runner is.
        site: The site folder.
        state: The runner's own folder in it.
        temporary: The runner's own temporary folder.
        copies: Working copies, in the temporary folder.
        bus: To NATS.
        live: App settings as they are now.
        outbox: Of events.
        unfinished: Runs in hand, noted on disk.
        statuses: How runs ended, noted on disk.
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
    unfinished: RunJournal
    statuses: StatusFiles
    launcher: Launcher
    environment: Mapping[str, str]
    watchdog: LoopWatchdog


@dataclass(frozen=True, slots=True)
class Components:
    """Those with a life of their own."""

    disk: DiskWatch
    peers: Peers
    definitions: Definitions
    leases: SingletonLeases
    shipper: LogShipper
    continuous: ContinuousJobs
    tunnels: Tunnels
    triggered: RunHandler
    runs: RunInbox
    turns: ConcurrencyLimits
    next_in_line: NextRuns
    wishes: CancelRequests
    cancellation: UnstartedRuns
    jobs: JobInbox
    reconciler: Reconciler
    refusals: Refusals
    watcher: FileDropWatcher
    packages: PackageStore
    burial: OrphanedRuns
    recovery: Recovery
    retention: Retention
    restoration: Restoration
    schedules: Schedules
    files: FileService


def build_components(
    settings: RunnerSettings, ground: Resources, terms: LeaseTerms, clock: Clock = wall_clock
) -> Components:
    """Make every part, and tell each about those it works with."""
    bus, instance, site, outbox = ground.bus, ground.instance, ground.site, ground.outbox
    disk = DiskWatch(site.root, settings.disk_reserve_mb, instance, outbox)
    peers = Peers(bus, instance, outbox, disk, terms)
    # On one disk with NATS, what is shipped would take the space that logs leave free.
    shipper = LogShipper(bus, may_ship=lambda: disk.room_for_logs() > 0)
    cap = LogCap(ground.live, disk.room_for_logs)
    definitions = Definitions(bus)
    claims = Claims(bus, instance)
    wishes, logs = CancelRequests(bus), RunLogs(bus, instance, site, shipper, cap)
    finish = Finish(bus, instance, ground.statuses, outbox, claims, wishes)
    disk.on_change(ground.statuses.write_kept)
    burial = OrphanedRuns(bus, instance, claims, definitions, finish, wishes, logs)
    unfinished = ground.unfinished
    watcher, in_place = FileDropWatcher(site), InPlaceFiles(ground.state / "in-place")
    installed = InstalledFolders(site, in_place, watcher)
    versions = Versions(bus, site, ground.copies, installed, ground.state / "downloads")
    starter = _starter(settings, ground, versions)
    packages = PackageStore(bus, definitions, versions)
    refusals = Refusals(bus, instance)
    deployment = Deployment(bus, instance, definitions, outbox, starter, packages, refusals)
    reconciler = Reconciler(
        bus, site, definitions, deployment, versions, watcher, in_place, installed, refusals
    )
    folders = EditedFolders(definitions, installed, reconciler)
    leases = SingletonLeases(bus, instance, terms)
    workshop = ContinuousDependencies(
        instance,
        ground.live,
        starter,
        folders,
        outbox,
        leases,
        terms,
        EventNumbers(),
        Ports(instance.id),
        cap,
    )
    continuous = ContinuousJobs(bus, site, ground.state / "logs", workshop, shipper)
    run_workshop = RunDependencies(bus, instance, ground.live, starter, folders, outbox, logs, finish)
    turns = ConcurrencyLimits(bus, definitions, wishes)
    cancellation = UnstartedRuns(bus, instance, claims, definitions, outbox, burial, wishes)
    judgement = ClaimedRuns(bus, instance, outbox, claims, peers, burial, finish, unfinished)
    triggered = RunHandler(
        run_workshop,
        definitions,
        claims,
        peers,
        turns,
        judgement,
        wishes,
        cancellation,
        FailedCommands(instance, outbox, claims, burial, ground.watchdog),
        unfinished,
    )
    runs = RunInbox(bus, settings.slots, triggered.handle, has_room=lambda: not disk.is_low)
    disk.on_change(runs.room_changed)
    next_in_line = NextRuns(bus, turns, triggered, runs)
    finish.on_freed = next_in_line.freed
    burial.on_next = next_in_line.attempt_waits
    turns.on_change = next_in_line.freed
    triggered.begin = runs.offer
    wishes.on_wish = triggered.wished

    def defined(key: JobKey, definition: JobDefinition | None) -> None:
        job_type, job_name = key
        if job_type is JobType.CONTINUOUS:
            continuous.define(job_name, definition)
        elif definition is None:
            triggered.end_all(Reason.DELETED, "The job was deleted.", job_name)
            cancellation.deleted(job_name)
        if definition is None:
            ground.copies.discard(job_type, job_name)

    def is_running(key: JobKey) -> bool:
        job_type, job_name = key
        return (continuous if job_type is JobType.CONTINUOUS else triggered).has_run_of(job_name)

    def lapsed() -> None:
        triggered.lapsed()
        continuous.lapsed()

    peers.on_lost = burial.lost
    peers.on_lapse = lapsed
    reconciler.on_definition(defined)
    ticks = Ticks(bus)
    due_times = DueTimes(instance, ground.live, ticks, ScheduledRuns(bus), clock)
    limits = UploadLimits(unpacked_bytes=settings.unpacked_limit_mb * 1024 * 1024)
    return Components(
        disk=disk,
        peers=peers,
        definitions=definitions,
        leases=leases,
        shipper=shipper,
        continuous=continuous,
        tunnels=bus.tunnels_of(instance.id, Passthrough(instance.id, continuous.port_of).accept),
        triggered=triggered,
        runs=runs,
        turns=turns,
        next_in_line=next_in_line,
        wishes=wishes,
        cancellation=cancellation,
        jobs=JobInbox(
            bus,
            JobCommands(bus, definitions, deployment, versions, reconciler, limits, disk, refusals),
            leave_deployments=lambda: disk.is_low and peers.has_room_elsewhere(),
        ),
        reconciler=reconciler,
        refusals=refusals,
        watcher=watcher,
        packages=packages,
        burial=burial,
        recovery=Recovery(
            instance,
            outbox,
            claims,
            burial,
            finish,
            definitions,
            wishes,
            unfinished,
            logs,
        ),
        retention=Retention(
            bus, site, definitions, ground.state / "retention", is_running, continuous.discard_log
        ),
        restoration=Restoration(bus, site, outbox, claims, packages, unfinished),
        schedules=Schedules(definitions, ground.live, ticks, due_times, clock),
        files=FileService(
            bus,
            instance,
            SiteFiles(site, ground.state / "uploads"),
            limits,
            without_room=disk.refusal,
            deploy=ChangedJobs(definitions, reconciler).deploy,
        ),
    )


def _starter(settings: RunnerSettings, ground: Resources, versions: Versions) -> ScriptStarter:
    wine = WinePrefixes(
        ground.site.root / "data" / ".wine",
        ground.temporary / "jobs" / "wine",
        ground.instance.id,
        ground.launcher,
    )
    return ScriptStarter(
        ground.instance,
        ground.site,
        ground.launcher,
        versions,
        wine,
        ground.live,
        extend_hosts(SCRIPT_HOSTS, settings.script_hosts),
        ground.environment,
        ground.temporary,
        settings.namespace,
    )
