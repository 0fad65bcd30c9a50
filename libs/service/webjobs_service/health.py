"""`GET /healthz` and `GET /metrics` for any aiohttp app, and a small server for services that have none."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from webjobs_service.http_server import serve_http
from webjobs_service.options import options_middleware
from webjobs_service.release import VERSION
from webjobs_service.route_spelling import RouteSpelling, SpelledRoute

log = structlog.stdlib.get_logger(__name__)

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else what is missing in a few words."""

Notes = Callable[[], Mapping[str, str]]
"""Returns notes for the operator of a service that is ready, by subject."""

MetricsText = Callable[[], Awaitable[str]]
"""Returns metrics in the text format of Prometheus."""

CHECK_TIMEOUT = 2.0  # seconds
_OPEN_FILES = 256  # for the connections of the small server; the rest is for the service
WRITE_AGE_LIMIT = 10.0  # seconds
_FRESH = 3.0  # seconds that an acknowledged write needs no proof by another one
_WRITE_TIMEOUT = 1.5  # seconds, less than the check has


class AcknowledgedWrites:
    """When a store last acknowledged a write of this service; a check for readiness.

    An open connection proves nothing: on a full disk JetStream and Postgres keep their connections and store
    no more.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._failure = ""

    @property
    def age(self) -> float:
        """Seconds since the last acknowledged write; infinite when there was none."""
        return math.inf if self._last is None else self._clock() - self._last

    def acknowledged(self) -> None:
        """Record that the store has just acknowledged a write."""
        self._last = self._clock()
        self._failure = ""

    def failed(self, reason: str) -> None:
        """Record why the newest write was not acknowledged."""
        self._failure = reason

    def expire(self) -> None:
        """Let earlier acknowledgements count no more."""
        self._last = None

    async def check(self) -> str | None:
        """Returns what is wrong when no write was acknowledged within the last 10 s."""
        if self.age <= WRITE_AGE_LIMIT:
            return None
        finding = (
            "no write is acknowledged"
            if self._last is None
            else f"the last acknowledged write is {self.age:.0f} s old"
        )
        return f"{finding}: {self._failure}" if self._failure else finding


class ProvenWrites(AcknowledgedWrites):
    """The same for a service that writes seldom: the check itself writes, at most every 3 s.

    Args:
        write: Returns when the store has acknowledged it.
        failures: What it raises when the store does not answer, or does not take it.
        refusals: Those of them that say that the store takes nothing: they count at once.
    """

    def __init__(
        self,
        write: Callable[[], Awaitable[object]],
        failures: tuple[type[Exception], ...],
        refusals: tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self._write = write
        self._failures = failures
        self._refusals = refusals
        self._writing = asyncio.Lock()

    async def check(self) -> str | None:
        """Returns what is wrong when no write was acknowledged within the last 10 s."""
        async with self._writing:
            if self.age > _FRESH:
                await self._prove()
        return await super().check()

    async def _prove(self) -> None:
        try:
            async with asyncio.timeout(_WRITE_TIMEOUT):
                await self._write()
        except TimeoutError:
            self.failed(f"no acknowledgement within {_WRITE_TIMEOUT:g} s")
        except self._refusals as error:
            self.expire()
            self.failed(str(error))
        except self._failures as error:
            self.failed(str(error) or type(error).__name__)
        else:
            self.acknowledged()


async def unready(checks: Mapping[str, Check]) -> dict[str, str]:
    """What is missing, by name of the check; empty when the service is ready. No check takes above 2 s."""
    findings = await asyncio.gather(*(_finding(check) for check in checks.values()))
    return {name: found for name, found in zip(checks, findings, strict=True) if found is not None}


async def _finding(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT:g} s"
    except Exception as error:  # a check that fails in any way is a service that is not ready
        return str(error) or type(error).__name__


def _no_notes() -> Mapping[str, str]:
    return {}


async def _own_metrics() -> str:
    return generate_latest().decode()


def health_routes(
    checks: Mapping[str, Check], notes: Notes = _no_notes, metrics_text: MetricsText = _own_metrics
) -> list[web.RouteDef]:
    """Routes to add to an app: 200 `{"status": "ready"}`, or 503 naming what is missing; and the metrics.

    Both answers about health have the notes, when there are any. The metrics are those of this process,
    unless `metrics_text` returns others.
    """

    async def healthz(_request: web.Request) -> web.Response:
        missing = await unready(checks)
        noted = {"notes": dict(found)} if (found := notes()) else {}
        if missing:
            return web.json_response(
                {"status": "not ready", "version": VERSION, "missing": missing, **noted}, status=503
            )
        return web.json_response({"status": "ready", "version": VERSION, "checks": list(checks), **noted})

    async def metrics(_request: web.Request) -> web.Response:
        body = (await metrics_text()).encode()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/metrics", metrics)]


@asynccontextmanager
async def run_health_server(
    host: str, port: int, checks: Mapping[str, Check], notes: Notes = _no_notes
) -> AsyncIterator[str]:
    """Serve both pages while the body runs.

    Args:
        host: Address to listen on.
        port: 0 takes any free one.
        checks: What makes the service ready, by name.
        notes: What else an operator should know.

    Yields:
        The base URL, such as `http://127.0.0.1:8082`.
    """
    app = web.Application(middlewares=[options_middleware])
    routes = health_routes(checks, notes)
    app.add_routes(routes)
    spelling = RouteSpelling(SpelledRoute(route.method, route.path) for route in routes)
    async with serve_http(
        app, host, port, open_files=_OPEN_FILES, shutdown_timeout=1.0, spelling=spelling
    ) as url:
        log.info("health is served", url=f"{url}/healthz")
        yield url
