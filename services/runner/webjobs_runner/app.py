"""The life of a runner: the order in which its components start and stop."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Gauge
from webjobs_events.events import InstanceEvent, InstanceStarted, InstanceStopped
from webjobs_events.jetstream import connect_bus, metrics_served
from webjobs_events.subjects import Subjects
from webjobs_rules.script import SCRIPT_HOSTS, extend_hosts
from webjobs_service.health import run_health_server
from webjobs_service.lifetime import side_tasks
from webjobs_service.loop_watchdog import watched_loop
from webjobs_service.release import VERSION

from webjobs_runner.files.job_files import clean_up
from webjobs_runner.files.site import Site
from webjobs_runner.files.working_copy import WorkingCopies
from webjobs_runner.instance_claim import own_instance
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.leftovers import kill_leftovers
from webjobs_runner.processes.process import Launcher
from webjobs_runner.resources import Resources
from webjobs_runner.runs.run_journal import RunJournal
from webjobs_runner.runs.status_file import StatusFiles
from webjobs_runner.schedule.due_times import Clock
from webjobs_runner.schedule.schedules import wall_clock
from webjobs_runner.settings import RunnerSettings
from webjobs_runner.wiring import Components, build_components

_PATIENCE = 5.0  # seconds that runs get to be finished and published; the rest is published at the next start
_PATIENCE_WITHOUT_NATS = 1.0
_SHUTDOWN = "The runner is stopping."

SLOTS_IN_USE = Gauge("webjobs_runner_slots_in_use", "Triggered runs whose script runs")
CONTINUOUS_JOBS = Gauge("webjobs_runner_continuous_jobs", "Continuous jobs supervised")
EVENTS_WAITING = Gauge("webjobs_runner_events_waiting", "Events not yet acknowledged by NATS")


async def run_runner(
    settings: RunnerSettings,
    environment: Mapping[str, str],
    stop: asyncio.Event,
    *,
    terms: LeaseTerms | None = None,
    clock: Clock = wall_clock,
) -> None:
    """Be a runner until `stop` is set, then end every script in good order.

    Without `terms` they follow from the number of replicas.

    Raises:
        InstanceInUse: Another runner has the same instance id.
        InvalidScriptHosts: WEBJOBS_SCRIPT_HOSTS cannot be understood.
    """
    extend_hosts(SCRIPT_HOSTS, settings.script_hosts)  # refused before anything is begun
    async with AsyncExitStack() as stack:
        async with _given_up_when(stop) as limit:
            resources = await stack.enter_async_context(_prepared(settings, environment))
        if limit.expired():
            return
        terms = terms or LeaseTerms.for_replicas(settings.nats_replicas)
        components = build_components(settings, resources, terms, clock)
        _show(components, resources.outbox)
        resources.outbox.add(_about(InstanceStarted, resources))
        stack.callback(components.shipper.close_all)
        await stack.enter_async_context(
            side_tasks(outbox=resources.outbox.run(), shipper=components.shipper.run())
        )
        async with components.continuous, _working(settings, resources, components):
            logger.info("runner is ready", instance=resources.instance.id, site=str(resources.site.root))
            await stop.wait()
            await _end_everything(resources, components)


@asynccontextmanager
async def _prepared(settings: RunnerSettings, environment: Mapping[str, str]) -> AsyncIterator[Resources]:
    """Clear away what an earlier start left, and connect to NATS."""
    site = Site(settings.data)
    async with AsyncExitStack() as stack:
        instance = stack.enter_context(own_instance(settings.instance_id, site))
        for leftover in await asyncio.to_thread(kill_leftovers, instance.id):
            logger.warning("process of an earlier boot was still alive; it was ended", process=leftover)
        await asyncio.to_thread(site.ensure)
        await asyncio.to_thread(clean_up, site)
        temporary = settings.temp / f"webjobs-{instance.id}"
        copies = WorkingCopies(site, temporary)
        await asyncio.to_thread(copies.open)
        stack.callback(copies.close)
        state = site.runner_state(instance.id)
        name, subjects = f"runner {instance.id}", Subjects(settings.namespace)
        bus = await stack.enter_async_context(
            connect_bus(settings.nats_url, name=name, subjects=subjects, replicas=settings.nats_replicas)
        )
        live = await stack.enter_async_context(bus.live_settings(environment))
        outbox = await stack.enter_async_context(Outbox(bus, state / "outbox.jsonl"))
        journal = stack.enter_context(RunJournal(state / "unfinished.jsonl"))
        statuses = stack.enter_context(StatusFiles(site, state / "statuses.spare"))
        launcher = await stack.enter_async_context(Launcher(instance.id))
        watchdog = stack.enter_context(watched_loop())
        yield Resources(
            instance,
            site,
            state,
            temporary,
            copies,
            bus,
            live,
            outbox,
            journal,
            statuses,
            launcher,
            environment,
            watchdog,
        )


@asynccontextmanager
async def _working(
    settings: RunnerSettings, resources: Resources, components: Components
) -> AsyncIterator[None]:
    """Everything runs while the body does."""

    async def nats() -> str | None:
        return None if resources.bus.is_connected else "NATS is away"

    async def streams() -> str | None:
        return resources.bus.streams.problem()

    async with (
        metrics_served(resources.bus, "runner", resources.instance.id, VERSION),
        components.environments.opened(),
        components.files,  # before others see that this runner is alive
        components.refusals,
        components.definitions,
        resources.bus.erasing(resources.bus.jobs),
        components.leases,
        components.tunnels,
        components.requests,
        components.peers,
        side_tasks(
            disk=components.disk.run(),
            heartbeat=components.peers.run(),
            leases=components.leases.run(),
            watcher=components.watcher.run(),
            reconciler=components.reconciler.run(),
            packages=components.packages.run(),
            environments=components.upkeep.run(),
            orphaned_runs=components.orphaned_runs.run(),
            retention=components.retention.run(),
            restoration=components.restoration.run(),
            schedules=components.schedules.run(),
            contradiction=components.continuous.run(),
            usage=components.usage.run(),
            finished_elsewhere=components.finished_elsewhere.run(),
            runs=components.runs.run(),
            limits=components.limits.run(),
            next_runs=components.next_runs.run(),
            unstarted_runs=components.unstarted_runs.run(),
            jobs=components.jobs.run(),
            dropped_claims=components.claims.removals.run(),
            dropped_requests=components.requests.removals.run(),
            recovery=_for_ever(components.recovery.run()),
        ),
        run_health_server(
            settings.health_host,
            settings.health_port,
            {
                "nats": nats,
                "streams": streams,
                "heartbeat": components.peers.writes.check,
                "disk": components.disk.check,
            },
            resources.bus.streams.notes,
        ),
    ):
        yield


async def _end_everything(resources: Resources, components: Components) -> None:
    """Take no more commands, end every script, and publish all of it."""
    components.registry.close(_SHUTDOWN)
    await asyncio.gather(
        components.jobs.close(_patience(resources)),
        components.runs.close(lambda: _patience(resources)),
        components.continuous.close(_SHUTDOWN),
    )
    resources.outbox.add(_about(InstanceStopped, resources))
    if not await resources.outbox.drained(_patience(resources)):
        logger.warning("events are shipped at the next start", waiting=resources.outbox.waiting)


@asynccontextmanager
async def _given_up_when(stop: asyncio.Event) -> AsyncIterator[asyncio.Timeout]:
    """Around what may take for ever: it is cancelled when the runner is to stop, and `expired` then."""
    limit = asyncio.timeout(None)

    async def watch() -> None:
        await stop.wait()
        limit.reschedule(asyncio.get_running_loop().time())

    watching = asyncio.create_task(watch())
    try:
        async with limit:
            yield limit
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        watching.cancel()


def _patience(resources: Resources) -> float:
    return _PATIENCE if resources.bus.is_connected else _PATIENCE_WITHOUT_NATS


async def _for_ever(work: Coroutine[Any, Any, None]) -> None:
    """Run to completion, then idle."""
    await work
    await asyncio.Event().wait()


def _about(event_type: type[InstanceStarted] | type[InstanceStopped], resources: Resources) -> InstanceEvent:
    instance = resources.instance
    return event_type(
        at=datetime.now(UTC), instance=instance.id, about_instance=instance.id, boot=instance.boot
    )


def _show(components: Components, outbox: Outbox) -> None:
    SLOTS_IN_USE.set_function(lambda: components.runs.busy)
    CONTINUOUS_JOBS.set_function(lambda: len(components.continuous))
    EVENTS_WAITING.set_function(lambda: outbox.waiting)
