"""Tunnels to the ports of continuous jobs, and an HTTP client that speaks through one."""

import asyncio
from types import TracebackType

import aiohttp
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, TunnelTransport
from webjobs_events.tunnel import NOT_RUNNING, TunnelRefused, TunnelRequest
from webjobs_rules.job import JobName

from webjobs_api.backends.runners import Runners
from webjobs_api.passthrough.errors import JobNotServing

_MOST_REMEMBERED = 10_000
_LONGEST_LINE = 64 * 1024  # bytes of a header of the job's answer
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class JobTunnels:
    """An async context manager: connections to jobs, on whichever runner they run."""

    def __init__(self, bus: Bus, runners: Runners) -> None:
        self._bus = bus
        self._runners = runners
        self._tunnels = bus.tunnels()
        self._last: dict[JobName, str] = {}

    async def __aenter__(self) -> "JobTunnels":
        await self._tunnels.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tunnels.__aexit__(kind, error, trace)

    async def open(self, job_name: JobName, wanted: str | None = None) -> tuple[TunnelTransport, str]:
        """A tunnel to the job's port, and the id of the instance that it leads to.

        That is the instance which answered last, else the first one, in order of ids, on which the job runs.

        Args:
            job_name: Of a continuous job.
            wanted: The only instance to ask; None: any.

        Raises:
            NoRunnerAlive: There is no runner.
            JobNotServing: The job runs nowhere, or does not listen.
            BusUnavailable: NATS is away, or no runner answers.
        """
        await self._runners.require_one()
        request = TunnelRequest(job_name=job_name)
        refusal: TunnelRefused | None = None
        silence: BusUnavailable | None = None
        for instance_id in self._candidates(job_name, wanted):
            try:
                tunnel = await self._tunnels.open(self._bus.subjects.tunnels(instance_id), request)
            except TunnelRefused as error:
                if refusal is None or refusal.code == NOT_RUNNING:
                    refusal = error
            except BusUnavailable as error:
                silence = error
            else:
                self._remember(job_name, instance_id)
                return tunnel, instance_id
        self._last.pop(job_name, None)
        if refusal is None and silence is not None:
            raise silence
        if wanted is not None and not self._runners.is_alive(wanted):
            raise JobNotServing(f"There is no living instance {wanted[:60]!r}.")
        if refusal is None or (refusal.code == NOT_RUNNING and wanted is None):
            raise JobNotServing(f"No process of the job {job_name!r} is running at the moment.")
        raise JobNotServing(refusal.reason)

    def _candidates(self, job_name: JobName, wanted: str | None) -> list[str]:
        alive = self._runners.alive
        if wanted is not None:
            return [wanted] if wanted in alive else []
        last = self._last.get(job_name)
        return sorted(alive, key=lambda each: (each != last, each))

    def _remember(self, job_name: JobName, instance_id: str) -> None:
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[job_name] = instance_id


def client_through(tunnel: TunnelTransport) -> aiohttp.ClientSession:
    """An HTTP client for one request through a tunnel, which ends with it; adds and changes nothing."""
    return aiohttp.ClientSession(
        connector=_TunnelConnector(tunnel),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        skip_auto_headers=_OWN_HEADERS,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    )


class _TunnelConnector(aiohttp.BaseConnector):
    """Has one connection to give, which exists already."""

    def __init__(self, tunnel: TunnelTransport) -> None:
        super().__init__(force_close=True)
        self._tunnel: TunnelTransport | None = tunnel

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is None:
            raise aiohttp.ClientConnectionError("The tunnel was used already.")
        protocol = self._factory()
        tunnel.attach(protocol)
        await asyncio.sleep(0)
        return protocol


JOB_TUNNELS = web.AppKey("job_tunnels", JobTunnels)
