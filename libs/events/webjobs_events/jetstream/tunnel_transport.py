"""One end of a tunnel as an asyncio transport: any asyncio protocol can communicate through NATS with it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from webjobs_events.log import logger
from webjobs_events.tunnel import LONGEST_BODY, WINDOW, Frame, FrameKind

_HIGH_WATER = 128 * 1024  # bytes waiting for credit at which the protocol has to pause
_LOW_WATER = 32 * 1024
_CREDIT_STEP = WINDOW // 4
_FINAL_FRAMES = (FrameKind.CLOSE, FrameKind.RESET)
_COUNTED = (FrameKind.DATA, FrameKind.EOF, FrameKind.CLOSE)
_LINGER = 10.0  # seconds that a closed end waits until the other one has taken what is still to be sent


class TunnelTransport(asyncio.Transport):
    """Ordered bytes both ways, with flow control, half-close and reset, as on a TCP connection.

    What arrives before `attach` waits. A frame that was lost shows itself as a gap and resets the tunnel.

    Args:
        send: Puts a frame on its way, in order; what cannot be sent is lost.
        on_gone: Called when the tunnel is closed.
    """

    def __init__(self, send: Callable[[Frame], None], on_gone: Callable[[], None]) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._send = send
        self._on_gone = on_gone
        self._protocol: asyncio.Protocol | None = None
        self._is_closing = False
        self._is_over = False
        self._error: Exception | None = None
        self._linger: asyncio.TimerHandle | None = None
        # Outward
        self._waiting = bytearray()
        self._sent = 0
        self._credit = WINDOW
        self._is_full = False
        self._eof_wanted = False
        self._eof_sent = False
        # Inward
        self._held: deque[bytes] = deque()
        self._received = 0
        self._delivered = 0
        self._credited = WINDOW
        self._is_paused = True
        self._peer_end: FrameKind | None = None
        self._peer_error: Exception | None = None
        self._eof_delivered = False

    def attach(self, protocol: asyncio.Protocol) -> None:
        """Hand everything to this protocol from now on."""
        self._protocol = protocol
        protocol.connection_made(self)
        if self._is_over:
            self._loop.call_soon(protocol.connection_lost, self._error)
        else:
            self.resume_reading()

    @property
    def expects_more(self) -> bool:
        """Whether the peer may still send frames; after that, what it has sent is delivered."""
        return self._peer_end not in _FINAL_FRAMES

    # The interface of asyncio.Transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing is known of the way that the bytes go."""
        return default

    def is_closing(self) -> bool:
        """Whether `close` or `abort` was called, or the other end is gone."""
        return self._is_closing or self._is_over

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand everything to another protocol from now on."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that everything is handed to."""
        assert self._protocol is not None
        return self._protocol

    def is_reading(self) -> bool:
        """Whether data is handed on as it comes."""
        return not self._is_paused and not self.is_closing()

    def pause_reading(self) -> None:
        """Hand nothing on; the other end stops sending once the window is full."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Hand on what came meanwhile, and what comes."""
        if self._is_paused:
            self._is_paused = False
            self._loop.call_soon(self._deliver)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for credit."""
        return len(self._waiting)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send these bytes after all before them."""
        if self.is_closing() or self._eof_wanted or not self.expects_more:
            return
        self._waiting += data
        self._send_more()
        if len(self._waiting) > _HIGH_WATER and not self._is_full and self._protocol is not None:
            self._is_full = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Half a tunnel can be closed."""
        return True

    def write_eof(self) -> None:
        """Nothing will be written any more; what the other end sends still arrives."""
        if not self.is_closing() and not self._eof_wanted:
            self._eof_wanted = True
            self._send_more()

    def close(self) -> None:
        """Send what was written, then end it; nothing that arrives is handed on any more."""
        if not self.is_closing():
            self._is_closing = True
            self._held.clear()
            self._send_more()
            if not self._is_over:
                self._linger = self._loop.call_later(_LINGER, self.abort)

    def abort(self) -> None:
        """End it at once."""
        self.reset("it was given up")

    def reset(self, reason: str) -> None:
        """Close at once, and send the reason to the peer."""
        if not self._is_over:
            if self.expects_more:
                self._send(Frame(FrameKind.RESET, 0, reason.encode()))
            self.lose(None if self._is_closing else ConnectionResetError(f"The tunnel was reset: {reason}."))

    def lose(self, error: Exception | None) -> None:
        """It is over: nothing can be sent or will come."""
        if self._is_over:
            return
        self._is_over = True
        self._error = error
        self._waiting.clear()
        self._held.clear()
        if self._linger is not None:
            self._linger.cancel()
        self._on_gone()
        if self._protocol is not None:
            self._loop.call_soon(self._protocol.connection_lost, error)

    # Frames of the peer

    def take(self, frame: Frame) -> None:
        """A frame has arrived."""
        if self._is_over or not self.expects_more:
            return
        if frame.kind in _COUNTED and frame.number != self._received:
            self.reset("a message was lost on its way")
        elif frame.kind is FrameKind.DATA:
            self._received += len(frame.body)
            self._hold(frame.body)
        elif frame.kind is FrameKind.CREDIT:
            self._credit = max(self._credit, frame.number)
            self._send_more()
        elif frame.kind in (FrameKind.EOF, FrameKind.CLOSE):
            self._peer_end = frame.kind
            self._deliver()
        elif frame.kind is FrameKind.RESET:
            reason = frame.body.decode("utf-8", "replace")
            self._peer_end = frame.kind
            if not self._is_closing:
                self._peer_error = ConnectionResetError(f"The tunnel was reset: {reason}.")
            self._deliver()

    def _hold(self, data: bytes) -> None:
        if self._is_closing:
            self._account_for(data)
            return
        self._held.append(data)
        self._deliver()

    def _deliver(self) -> None:
        """Give the protocol what may be given to it now, in order."""
        protocol = self._protocol
        if self._is_over:
            return
        if protocol is None:
            if self._peer_end is FrameKind.RESET:
                self.lose(self._peer_error)
            return
        try:
            while self._held and not self._is_paused and not self.is_closing():
                data = self._held.popleft()
                protocol.data_received(data)
                self._account_for(data)
            if self._peer_end is not None and not self._held and (self._is_closing or not self._is_paused):
                self._deliver_end(protocol)
        except Exception:
            logger.exception("a protocol failed; its tunnel is reset")
            self.reset("its reader failed")

    def _account_for(self, data: bytes) -> None:
        self._delivered += len(data)
        if self._delivered + WINDOW - self._credited >= _CREDIT_STEP and self.expects_more:
            self._credited = self._delivered + WINDOW
            self._send(Frame(FrameKind.CREDIT, self._credited))

    def _deliver_end(self, protocol: asyncio.Protocol) -> None:
        if not self._eof_delivered and self._peer_end is not FrameKind.RESET:
            self._eof_delivered = True
            if not self._is_closing and not protocol.eof_received():
                self.close()
        if not self.expects_more:
            self.lose(self._peer_error)

    def _send_more(self) -> None:
        """Send what the credit allows, and the end when all is sent."""
        while self._waiting and self._sent < self._credit:
            size = min(LONGEST_BODY, self._credit - self._sent)
            body = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._send(Frame(FrameKind.DATA, self._sent, body))
            self._sent += len(body)
        if not self._waiting:
            if self._is_closing:
                if self.expects_more:
                    self._send(Frame(FrameKind.CLOSE, self._sent))
                self.lose(None)
                return
            if self._eof_wanted and not self._eof_sent:
                self._eof_sent = True
                self._send(Frame(FrameKind.EOF, self._sent))
        if self._is_full and len(self._waiting) <= _LOW_WATER and self._protocol is not None:
            self._is_full = False
            self._protocol.resume_writing()
