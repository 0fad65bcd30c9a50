"""The wiring of the api, and its life from the first connection to the last answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import msgspec
import structlog
from aiohttp import web
from webjobs_events.asyncapi import build_asyncapi
from webjobs_events.jetstream import connect_bus
from webjobs_events.jetstream.servers import parse_servers
from webjobs_events.subjects import Subjects
from webjobs_rules.arguments import MAX_ARGUMENTS_BYTES
from webjobs_service.connections import ConnectionTerms
from webjobs_service.credentials import without_credentials
from webjobs_service.health import health_routes
from webjobs_service.http_server import TERMS, raise_open_files, serve_http
from webjobs_service.options import options_middleware
from webjobs_service.release import VERSION, VERSION_HEADER
from webjobs_service.stalled_clients import limit_buffer

from webjobs_api.backends.failing_hooks import FAILING_HOOKS
from webjobs_api.backends.history import HISTORY, History
from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS, JobDeployments
from webjobs_api.backends.known_jobs import DEFINITIONS, KnownJobs
from webjobs_api.backends.locks import LOCKS, Locks
from webjobs_api.backends.refusals import REFUSALS, Refusals
from webjobs_api.backends.runner_files import FILES, RunnerFiles
from webjobs_api.backends.runners import RUNNERS, Runners
from webjobs_api.backends.runs import RUNS, Runs
from webjobs_api.backends.storage import STORAGE, Storage
from webjobs_api.backends.tail import Tails
from webjobs_api.backends.ticks import TICKS, Ticks
from webjobs_api.backends.usage import USAGE, Usage
from webjobs_api.describe.handlers import encoded_document
from webjobs_api.describe.late_document import ASYNCAPI, OPENAPI, LateDocument
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.describe.request_check import checked, spelling_of
from webjobs_api.describe.selection import NAMES
from webjobs_api.events.snapshot import snapshot_middleware
from webjobs_api.hooks.back_off import HookTerms
from webjobs_api.hooks.dispatcher import DISPATCHER, Dispatcher
from webjobs_api.hooks.hooks import HOOKS, Hooks
from webjobs_api.http.auth import access_guard
from webjobs_api.http.compression import compression_middleware
from webjobs_api.http.cors import add_cors_headers, preflight_middleware
from webjobs_api.http.cross_origin import ANY_ORIGIN
from webjobs_api.http.error_responses import error_middleware
from webjobs_api.http.keys import BUS, LIVE_SETTINGS, SETTINGS, SPELLING
from webjobs_api.http.live import LIVE, Live
from webjobs_api.http.logins import LOGINS, Logins
from webjobs_api.http.metrics import metrics_middleware
from webjobs_api.http.terms import LiveTerms
from webjobs_api.http.tracing import access_log_middleware
from webjobs_api.jobs.commands import COMMANDS, JobCommands, Patience
from webjobs_api.jobs.deployments import DEPLOYMENTS, Deployments
from webjobs_api.jobs.version_diff import VERSION_DIFFS, VersionDiffs
from webjobs_api.logs.run_end import RUN_ENDS, RunEnds
from webjobs_api.monitoring.all_metrics import ALL_METRICS, AllMetrics
from webjobs_api.monitoring.health import checks
from webjobs_api.overview.due_times import DUE_TIMES, DueTimes
from webjobs_api.pages.error_pages import error_pages
from webjobs_api.pages.last_known import LAST_KNOWN, LastKnown
from webjobs_api.pages.once import SENT_FORMS, SentForms
from webjobs_api.pages.tab import TAB, Tab
from webjobs_api.passthrough.job_tunnels import JOB_TUNNELS, JobTunnels
from webjobs_api.routes import routes, with_trailing_slashes
from webjobs_api.runs.idempotency import IDEMPOTENT_INVOCATIONS, IdempotentInvocations
from webjobs_api.runs.start import INVOCATIONS, Invocations
from webjobs_api.settings import ApiSettings
from webjobs_api.site_deployments.deployer import SITE_DEPLOYMENTS, SiteDeployments
from webjobs_api.site_deployments.store import DeploymentStore

log = structlog.stdlib.get_logger(__name__)

_SHUTDOWN_TIMEOUT = 3.0  # seconds that requests under way have to end
_MAX_LINE_BYTES = 3 * MAX_ARGUMENTS_BYTES + 4096  # of a request line with arguments


@asynccontextmanager
async def open_app(
    settings: ApiSettings,
    environment: Mapping[str, str],
    patience: Patience | None = None,
    live_terms: LiveTerms = LiveTerms(),  # noqa: B008  # frozen
    hook_terms: HookTerms = HookTerms(),  # noqa: B008  # frozen
) -> AsyncIterator[web.Application]:
    """The application with everything it needs, connected; all of it ends with the body.

    Args:
        settings: Of this service.
        environment: App settings at start, which the settings bucket overlays.
        patience: How long commands are waited for.
        live_terms: How those who follow something are treated.
        hook_terms: How hooks are called.
    """
    async with (
        connect_bus(
            settings.nats_url,
            name="api",
            subjects=Subjects(settings.namespace),
            replicas=settings.nats_replicas,
        ) as bus,
        bus.erasing(bus.settings, bus.hooks),
        bus.live_settings(environment, restore=True) as live_settings,
        Runners(bus) as runners,
        Storage(bus, runners) as storage,
        Refusals(bus, runners) as refusals,
        KnownJobs(bus, refusals) as definitions,
        Tails(bus) as tails,
        Hooks(bus) as hooks,
        Dispatcher(bus, hooks, hook_terms, allow_private=settings.hooks_allow_private) as dispatcher,
        Ticks(bus) as ticks,
        Usage(bus) as usage,
    ):
        history = History(bus)
        logins = Logins(settings)
        runs = Runs(bus, history)
        commands = JobCommands(bus, definitions, runners, storage, history, patience)
        async with (
            Deployments(bus, commands) as deployments,
            RunnerFiles(bus, runners) as files,
            SiteDeployments(bus, files, DeploymentStore(bus)) as site_deployments,
            JobTunnels(bus, runners) as job_tunnels,
            SentForms(bus) as sent_forms,
        ):
            app = _application(logins)
            defined = routes()
            _describe(app, defined, bus.subjects, settings)
            app[BUS] = bus
            app[COMMANDS] = commands
            app[DEFINITIONS] = definitions
            app[DEPLOYMENTS] = deployments
            app[DISPATCHER] = dispatcher
            app[DUE_TIMES] = DueTimes()
            app[FAILING_HOOKS] = hooks
            app[FILES] = files
            app[HISTORY] = history
            app[HOOKS] = hooks
            app[INVOCATIONS] = Invocations(bus, runs, runners, storage, live_settings)
            app[IDEMPOTENT_INVOCATIONS] = IdempotentInvocations(bus, app[INVOCATIONS], runs)
            app[JOB_DEPLOYMENTS] = JobDeployments(bus, history)
            app[JOB_TUNNELS] = job_tunnels
            app[LIVE_SETTINGS] = live_settings
            app[LOCKS] = Locks(bus)
            app[LAST_KNOWN] = LastKnown()
            app[LOGINS] = logins
            app[LIVE] = Live(tails, live_terms)
            app[REFUSALS] = refusals
            app[RUNNERS] = runners
            app[RUN_ENDS] = RunEnds(bus, tails, runs, live_terms.retry_delay)
            app[RUNS] = runs
            app[SENT_FORMS] = sent_forms
            app[SETTINGS] = settings
            app[SITE_DEPLOYMENTS] = site_deployments
            app[STORAGE] = storage
            app[TAB] = Tab()
            app[TICKS] = ticks
            app[USAGE] = usage
            app[VERSION_DIFFS] = VersionDiffs(bus)

            async def end_live_responses(_: web.Application) -> None:
                tails.end()

            app.on_shutdown.append(end_live_responses)
            app[ALL_METRICS] = AllMetrics(bus, runners)
            health = health_routes(
                checks(bus, storage, runners, history), bus.streams.notes, app[ALL_METRICS].text
            )
            _serve(app, [*defined, *health])
            yield app


def _application(logins: Logins) -> web.Application:
    """An application without routes: what is done for each request and each answer."""
    app = web.Application(
        middlewares=[
            metrics_middleware,
            access_log_middleware,
            compression_middleware,
            error_middleware,
            error_pages,
            preflight_middleware,
            access_guard(logins),
            options_middleware,
            snapshot_middleware,
        ],
    )
    app.on_response_prepare.append(limit_buffer)
    app.on_response_prepare.append(add_cors_headers)
    app.on_response_prepare.append(_add_version)
    return app


def _describe(
    app: web.Application, defined: list[web.RouteDef], subjects: Subjects, settings: ApiSettings
) -> None:
    """Give the application its descriptions, each made when it is first asked for."""
    app[ASYNCAPI] = LateDocument(
        lambda: msgspec.json.encode(
            build_asyncapi(subjects, VERSION, parse_servers(settings.nats_url).addresses)
        )
    )
    app[OPENAPI] = {
        dialect: LateDocument(partial(encoded_document, defined, VERSION, dialect))
        for dialect in (None, *NAMES)
    }


def _serve(app: web.Application, served: Sequence[web.RouteDef]) -> None:
    """Give the application its routes, each with the checks of its operation."""
    app[SPELLING] = spelling_of(served, OPERATIONS)
    app.add_routes(with_trailing_slashes(checked(served, OPERATIONS)))


@asynccontextmanager
async def run_api(
    settings: ApiSettings,
    environment: Mapping[str, str],
    patience: Patience | None = None,
    live_terms: LiveTerms = LiveTerms(),  # noqa: B008  # frozen
    hook_terms: HookTerms = HookTerms(),  # noqa: B008  # frozen
    connection_terms: ConnectionTerms = TERMS,
) -> AsyncIterator[str]:
    """Serve while the body runs; yields the base URL."""
    async with open_app(settings, environment, patience, live_terms, hook_terms) as app:
        async with serve_http(
            app,
            settings.host,
            settings.port,
            open_files=raise_open_files(),
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
            spelling=app[SPELLING],
            max_line_bytes=_MAX_LINE_BYTES,
            terms=replace(connection_terms, unread=live_terms.stuck),
        ) as url:
            log.info("the api is served", url=url)
            yield url


async def serve(settings: ApiSettings, environment: Mapping[str, str], stop: asyncio.Event) -> None:
    """Serve until asked to stop, which may be before NATS was there."""
    is_served = False
    if settings.cors_origins == ANY_ORIGIN and settings.username is None:
        log.warning("pages of any site can use the api", setting="WEBJOBS_CORS_ORIGINS")

    async def run() -> None:
        nonlocal is_served
        log.info("connecting to nats", url=without_credentials(settings.nats_url))
        terms = LiveTerms(stuck=settings.stalled_client_seconds)
        async with run_api(settings, environment, live_terms=terms):
            is_served = True
            await stop.wait()

    serving = asyncio.create_task(run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and not is_served:
            log.info("stopped before the end of its start")
        else:
            await serving
    finally:
        stopping.cancel()
        while not serving.done():  # a try to connect that fails just now would swallow a single cancellation
            serving.cancel()
            await asyncio.wait({serving}, timeout=0.5)


async def _add_version(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[VERSION_HEADER] = VERSION
