"""Tunnels through NATS: TCP connections to a port that only the other end can reach."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from webjobs_rules.errors import WebJobsError

from webjobs_events.errors import MALFORMED, BusUnavailable
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.jetstream.tunnel_transport import TunnelTransport
from webjobs_events.log import logger
from webjobs_events.tunnel import (
    BUSY,
    Frame,
    FrameKind,
    TunnelRefusal,
    TunnelRefused,
    TunnelRequest,
    decode_frame,
    encode_frame,
)

Acceptor = Callable[[TunnelRequest, TunnelTransport], Awaitable[None]]
"""Connects to the requested port and attaches it to the tunnel; raises `TunnelRefused`."""

_KEEPALIVE_SECONDS = 2.0  # seconds
_SILENCE = 15.0  # seconds without a frame of the peer after which it counts as gone
_OPEN_TIMEOUT = 5.0  # seconds
_MOST = 2000  # tunnels of one end
_NO_RESPONDERS = "503"  # status of NATS for a subject without subscribers

_request = msgspec.json.Decoder(TunnelRequest)
_refusal = msgspec.json.Decoder(TunnelRefusal)


class _Tunnel:
    __slots__ = ("answer", "peer", "received_at", "sent_at", "transport")

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.transport: TunnelTransport
        self.answer: asyncio.Future[Frame] | None = None
        self.received_at = self.sent_at = time.monotonic()


class Tunnels:
    """An async context manager: one end of many tunnels, each on a subject below `prefix`.

    A tunnel ends when either end does, when the connection to NATS breaks, and when the other end was
    silent for 15 seconds.

    Args:
        connection: To NATS.
        prefix: Where this end listens: `prefix.<tunnel>`.
        accept: Takes tunnels that others open; None: this end only opens them.
    """

    def __init__(self, connection: Connection, prefix: str, accept: Acceptor | None = None) -> None:
        self._connection = connection
        self._prefix = prefix
        self._accept = accept
        self._tunnels: dict[str, _Tunnel] = {}
        self._outgoing: deque[tuple[str, str, bytes]] = deque()
        self._has_outgoing = asyncio.Event()
        self._has_tunnels = asyncio.Event()
        self._accepting: set[asyncio.Task[None]] = set()
        self._subscription: Subscription
        self._tasks: list[asyncio.Task[None]] = []
        self._unhook: Callable[[], None] = lambda: None

    async def __aenter__(self) -> "Tunnels":
        self._subscription = await self._connection.client.subscribe(f"{self._prefix}.*", cb=self._received)
        self._unhook = self._connection.on_disconnect(self._broke)
        self._tasks = [asyncio.create_task(self._send_all()), asyncio.create_task(self._send_keepalives())]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._unhook()
        for tunnel in list(self._tunnels.values()):
            tunnel.transport.reset("this end is stopping")
        accepting = list(self._accepting)
        for task in [*accepting, self._tasks[1]]:
            task.cancel()
        await asyncio.sleep(0)  # for the final frames
        self._tasks[0].cancel()
        await asyncio.gather(*accepting, *self._tasks, return_exceptions=True)
        if not self._connection.client.is_closed:
            await self._subscription.unsubscribe()

    def __len__(self) -> int:
        return len(self._tunnels)

    async def open(self, prefix: str, request: TunnelRequest) -> TunnelTransport:
        """A tunnel to what the end that listens below `prefix` connects to; to be attached to a protocol.

        Raises:
            TunnelRefused: The other end did not connect.
            BusUnavailable: NATS is away, or the other end does not answer.
        """
        if not self._connection.is_connected:
            raise BusUnavailable("opening a tunnel", "the connection is down")
        name = secrets.token_hex(12)
        tunnel = self._add(name, f"{prefix}.{name}")
        tunnel.answer = asyncio.get_running_loop().create_future()
        self._send(name, tunnel, Frame(FrameKind.OPEN, 0, msgspec.json.encode(request)))
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT):
                answer = await tunnel.answer
        except BaseException as error:
            tunnel.transport.abort()
            if isinstance(error, TimeoutError):
                raise BusUnavailable("opening a tunnel", "the runner did not answer in time") from error
            raise
        if answer.kind is not FrameKind.REFUSED:
            return tunnel.transport
        tunnel.transport.lose(None)
        try:
            refusal = _refusal.decode(answer.body)
        except MALFORMED as error:
            raise BusUnavailable("opening a tunnel", "the answer cannot be read") from error
        raise TunnelRefused(refusal.code, refusal.reason)

    def _add(self, name: str, peer: str) -> _Tunnel:
        tunnel = self._tunnels[name] = _Tunnel(peer)
        self._has_tunnels.set()
        tunnel.transport = TunnelTransport(partial(self._send, name, tunnel), partial(self._gone, name))
        return tunnel

    def _gone(self, name: str) -> None:
        tunnel = self._tunnels.pop(name, None)
        if tunnel is not None and tunnel.answer is not None and not tunnel.answer.done():
            reason = BusUnavailable("opening a tunnel", "the runner is not there")
            tunnel.answer.set_exception(reason)

    # Inward

    async def _received(self, message: Msg) -> None:
        name = message.subject.rpartition(".")[2]
        tunnel = self._tunnels.get(name)
        if not message.data and (message.headers or {}).get("Status") == _NO_RESPONDERS:
            if tunnel is not None and tunnel.transport.expects_more:
                tunnel.transport.lose(ConnectionResetError("The other end of the tunnel is gone."))
            return
        try:
            frame = decode_frame(message.data)
        except WebJobsError as error:
            logger.warning("message in a tunnel ignored", subject=message.subject, error=str(error))
            return
        if tunnel is None:
            self._stranger(name, message.reply, frame)
            return
        tunnel.received_at = time.monotonic()
        if tunnel.answer is not None and not tunnel.answer.done():
            if frame.kind in (FrameKind.ACCEPTED, FrameKind.REFUSED):
                tunnel.answer.set_result(frame)
                return
        tunnel.transport.take(frame)

    def _stranger(self, name: str, peer: str, frame: Frame) -> None:
        """A frame of no tunnel of ours: one that begins, or the late word of one that is over."""
        if not peer or frame.kind in (FrameKind.RESET, FrameKind.CLOSE):
            return
        if frame.kind is not FrameKind.OPEN or self._accept is None:
            self._put(peer, name, Frame(FrameKind.RESET, 0, b"this tunnel is not known here"))
            return
        if len(self._tunnels) >= _MOST:
            self._put(peer, name, _refused(BUSY, "This runner has too many open connections; try again."))
            return
        task = asyncio.create_task(self._accepted(self._add(name, peer), name, self._accept, frame))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    async def _accepted(self, tunnel: _Tunnel, name: str, accept: Acceptor, frame: Frame) -> None:
        try:
            await accept(_request.decode(frame.body), tunnel.transport)
        except TunnelRefused as error:
            self._put(tunnel.peer, name, _refused(error.code, error.reason))
            tunnel.transport.lose(None)
        except MALFORMED as error:
            tunnel.transport.reset(f"the request cannot be read: {error}")
        except Exception as error:
            logger.exception("tunnel not opened")
            tunnel.transport.reset(describe(error))
        else:
            self._send(name, tunnel, Frame(FrameKind.ACCEPTED))

    # Outward

    def _send(self, name: str, tunnel: _Tunnel, frame: Frame) -> None:
        tunnel.sent_at = time.monotonic()
        self._put(tunnel.peer, name, frame)

    def _put(self, peer: str, name: str, frame: Frame) -> None:
        # To whom the frame comes, NATS itself answers on our subject when the peer is gone.
        self._outgoing.append((peer, f"{self._prefix}.{name}", encode_frame(frame)))
        self._has_outgoing.set()

    async def _send_all(self) -> None:
        client = self._connection.client
        while True:
            while self._outgoing:
                peer, own, payload = self._outgoing.popleft()
                try:
                    await client.publish(peer, payload, reply=own)
                except (nats.errors.Error, OSError) as error:
                    logger.debug("frame of a tunnel not sent", error=describe(error))
            self._has_outgoing.clear()
            await self._has_outgoing.wait()

    def _broke(self) -> None:
        self._outgoing.clear()
        for tunnel in list(self._tunnels.values()):
            tunnel.transport.lose(ConnectionResetError("The connection to NATS broke."))

    async def _send_keepalives(self) -> None:
        while True:
            await self._has_tunnels.wait()
            await asyncio.sleep(_KEEPALIVE_SECONDS)
            if not self._tunnels:
                self._has_tunnels.clear()
            now = time.monotonic()
            for name, tunnel in list(self._tunnels.items()):
                if not tunnel.transport.expects_more:
                    continue
                if now - tunnel.received_at > _SILENCE:
                    tunnel.transport.reset("the other end sent nothing")
                elif now - tunnel.sent_at >= _KEEPALIVE_SECONDS:
                    self._send(name, tunnel, Frame(FrameKind.ALIVE))


def _refused(code: str, reason: str) -> Frame:
    return Frame(FrameKind.REFUSED, 0, msgspec.json.encode(TunnelRefusal(code=code, reason=reason)))
