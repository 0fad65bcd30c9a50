"""The runner's end of the passthrough: a tunnel from the api leads to the port of a job's own script."""

import asyncio
from collections.abc import Callable

from webjobs_events.jetstream import TunnelTransport
from webjobs_events.tunnel import NOT_LISTENING, NOT_RUNNING, TunnelRefused, TunnelRequest
from webjobs_rules.job import JobName

_LOOPBACKS = ("127.0.0.1", "::1")  # some servers take "localhost" for the latter only
_CONNECT_TIMEOUT = 2.0  # seconds


class Passthrough:
    """Connects tunnels to the ports of running scripts.

    Args:
        instance_id: Of this runner.
        port_of: The port of a job's running script; None when none runs here.
    """

    def __init__(self, instance_id: str, port_of: Callable[[JobName], int | None]) -> None:
        self._instance_id = instance_id
        self._port_of = port_of

    async def accept(self, request: TunnelRequest, tunnel: TunnelTransport) -> None:
        """Connect a tunnel to the job that it asks for.

        Raises:
            TunnelRefused: No script of the job runs here, or it does not listen.
        """
        port = self._port_of(JobName(request.job_name))
        if port is None:
            raise TunnelRefused(
                NOT_RUNNING,
                f"No process of {request.job_name!r} is running on the instance {self._instance_id}.",
            )
        near, far = _Side(), _Side()
        near.other, far.other = far, near
        for address in _LOOPBACKS:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT):
                    await asyncio.get_running_loop().create_connection(lambda: far, address, port)
                break
            except (OSError, TimeoutError):
                continue
        else:
            raise TunnelRefused(
                NOT_LISTENING,
                f"The job {request.job_name!r} does not listen on its port {port} (WEBJOBS_PORT) "
                f"on the instance {self._instance_id}.",
            )
        tunnel.attach(near)
        far.begin()


class _Side(asyncio.Protocol):
    """One side of a connection that is led on: what it receives, the other side sends."""

    other: "_Side"

    def __init__(self) -> None:
        self._has_ended = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not isinstance(transport, TunnelTransport):
            transport.pause_reading()  # until the other side is there

    def begin(self) -> None:
        """The other side is there."""
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self.other._transport.write(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self.other._has_ended:
            self.other._transport.close()
            return False
        self.other._transport.write_eof()
        return True

    def pause_writing(self) -> None:
        self.other._transport.pause_reading()

    def resume_writing(self) -> None:
        self.other._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if error is None:
            self.other._transport.close()
        else:
            self.other._transport.abort()
