"""Wires the runner: the only place that knows every part, and the order in which they start and stop."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from prometheus_client import Gauge
from webjobs_events.events import InstanceStarted, InstanceStopped
from webjobs_events.jetstream import connect_bus
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.status import Reason
from webjobs_events.subjects import Subjects
from webjobs_service.health import run_health_server
from webjobs_service.lifetime import side_tasks

from webjobs_runner.archive_guard import UploadLimits
from webjobs_runner.claims import Claims
from webjobs_runner.continuous_jobs import ContinuousJobs
from webjobs_runner.definitions import Definitions, JobKey
from webjobs_runner.deployment import Deployment
from webjobs_runner.domain.script import SCRIPT_HOSTS, extend_hosts
from webjobs_runner.file_drop import FileDropWatcher
from webjobs_runner.heartbeat import Peers
from webjobs_runner.instance import own_instance
from webjobs_runner.job_files import clean_up
from webjobs_runner.job_inbox import JobInbox
from webjobs_runner.leftovers import kill_leftovers
from webjobs_runner.log import logger
from webjobs_runner.log_shipper import LogShipper
from webjobs_runner.outbox import Outbox
from webjobs_runner.process import Launcher
from webjobs_runner.reconciler import Reconciler
from webjobs_runner.recovery import Recovery
from webjobs_runner.retention import Retention
from webjobs_runner.run_inbox import RunInbox
from webjobs_runner.script_start import ScriptStarter
from webjobs_runner.settings import RunnerSettings
from webjobs_runner.singleton import SingletonLeases
from webjobs_runner.site import Site
from webjobs_runner.supervisor import Workshop
from webjobs_runner.triggered_run import TriggeredRuns
from webjobs_runner.unfinished import UnfinishedRuns
from webjobs_runner.versions import Versions
from webjobs_runner.wine_prefix import WinePrefixes
from webjobs_runner.working_copy import WorkingCopies

_DRAIN_SECONDS = 5.0  # that the last events get to reach NATS when the runner stops
_SHUTDOWN = "The runner is stopping."

SLOTS_IN_USE = Gauge("webjobs_runner_slots_in_use", "Triggered runs in hand")
CONTINUOUS_JOBS = Gauge("webjobs_runner_continuous_jobs", "Continuous jobs supervised")
EVENTS_WAITING = Gauge("webjobs_runner_events_waiting", "Events not yet acknowledged by NATS")


async def run_runner(settings: RunnerSettings, environment: Mapping[str, str], stop: asyncio.Event) -> None:
    """Be a runner until `stop` is set, then end every script in good order.

    Raises:
        InstanceInUse: Another runner on this machine has the same instance id.
        InvalidScriptHosts: WEBJOBS_SCRIPT_HOSTS cannot be understood.
    """
    hosts = extend_hosts(SCRIPT_HOSTS, settings.script_hosts)
    subjects = Subjects(settings.namespace)
    site = Site(settings.data)
    async with AsyncExitStack() as stack:
        instance = stack.enter_context(own_instance(settings.instance_id, site.root))
        for leftover in await asyncio.to_thread(kill_leftovers, instance.id):
            logger.warning("process of an earlier boot was still alive; it was ended", process=leftover)
        await asyncio.to_thread(site.ensure)
        await asyncio.to_thread(clean_up, site)
        state = site.runner_state(instance.id)
        temporary = settings.temp / f"webjobs-{instance.id}"
        copies = WorkingCopies(site, temporary)
        await asyncio.to_thread(copies.open)
        stack.callback(copies.close)

        bus = await stack.enter_async_context(
            connect_bus(settings.nats_url, name=f"runner {instance.id}", subjects=subjects)
        )
        live = await stack.enter_async_context(bus.live_settings(environment))
        outbox = await stack.enter_async_context(Outbox(bus, state / "outbox.jsonl"))
        peers = Peers(bus, instance, outbox)
        launcher = await stack.enter_async_context(Launcher(instance.id))
        shipper = LogShipper(bus)
        stack.callback(shipper.close_all)
        definitions = Definitions(bus)
        claims = Claims(bus, instance, peers)
        unfinished = UnfinishedRuns(state / "unfinished")
        versions = Versions(bus, site, copies, state / "downloads")
        wine = WinePrefixes(site.root / "data" / ".wine", temporary / "jobs" / "wine", instance.id, launcher)
        starter = ScriptStarter(instance, site, launcher, versions, wine, live, hosts, environment, temporary)
        deployment = Deployment(bus, instance, definitions, outbox, starter, versions)
        leases = SingletonLeases(bus, instance)
        watcher = FileDropWatcher(site)
        shop = Workshop(instance, live, starter, outbox, leases, temporary / "JobsShutdown")
        continuous = ContinuousJobs(bus, site, shop, shipper)
        triggered = TriggeredRuns(
            bus,
            instance,
            site,
            definitions=definitions,
            settings=live,
            starter=starter,
            outbox=outbox,
            shipper=shipper,
            claims=claims,
            peers=peers,
            unfinished=unfinished,
        )

        def defined(key: JobKey, definition: JobDefinition | None) -> None:
            job_type, job_name = key
            if job_type is JobType.CONTINUOUS:
                continuous.define(job_name, definition)
            elif definition is None:
                triggered.end_all(Reason.DELETED, "The job was deleted.", job_name)
                copies.discard(job_type, job_name)

        reconciler = Reconciler(bus, site, definitions, deployment, versions, watcher, defined)
        runs = RunInbox(bus, settings.slots, triggered.handle)
        limits = UploadLimits(unpacked_bytes=settings.unpacked_limit_mb * 1024 * 1024)
        jobs = JobInbox(bus, definitions, deployment, versions, reconciler, limits)
        recovery = Recovery(bus, instance, site, outbox, shipper, claims, unfinished)
        retention = Retention(bus, site, definitions, state / "retention")
        SLOTS_IN_USE.set_function(lambda: runs.busy)
        CONTINUOUS_JOBS.set_function(lambda: len(continuous))
        EVENTS_WAITING.set_function(lambda: outbox.waiting)

        async def nats() -> str | None:
            return None if bus.is_connected else "NATS is away"

        outbox.add(
            InstanceStarted(
                at=datetime.now(UTC),
                instance=instance.id,
                about_instance=instance.id,
                boot=instance.boot,
            )
        )
        await stack.enter_async_context(definitions.followed())
        await stack.enter_async_context(leases.followed())
        await stack.enter_async_context(side_tasks(outbox=outbox.run(), shipper=shipper.run()))
        async with (
            peers.joined(),
            side_tasks(
                heartbeat=peers.run(),
                leases=leases.run(),
                watcher=watcher.run(),
                reconciler=reconciler.run(),
                packages=deployment.run(),
                retention=retention.run(),
                runs=runs.run(),
                jobs=jobs.run(),
            ),
            run_health_server(settings.health_host, settings.health_port, {"nats": nats}),
        ):
            recovering = asyncio.create_task(recovery.run(), name="recovery")
            logger.info("runner is ready", instance=instance.id, site=str(site.root), slots=settings.slots)
            await stop.wait()
            recovering.cancel()
            await jobs.close()
            triggered.end_all(Reason.HOST_SHUTDOWN, _SHUTDOWN)
            await asyncio.gather(runs.close(), continuous.close(_SHUTDOWN))
            await reconciler.close()
            outbox.add(
                InstanceStopped(
                    at=datetime.now(UTC),
                    instance=instance.id,
                    about_instance=instance.id,
                    boot=instance.boot,
                )
            )
            if not await outbox.drained(_DRAIN_SECONDS):
                logger.warning("events are shipped at the next start", waiting=outbox.waiting)
