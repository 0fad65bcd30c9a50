"""The runner's end of one launcher process: starts it, talks to it, and notices its end."""

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from webjobs_runner.processes.launch_messages import parse_packet

_PACKAGES = str(Path(__file__).parents[2])
# Without site-packages and environment the launcher starts in half the time, and holds no secrets.
_START = (
    f"import sys; sys.path.append({_PACKAGES!r}); from webjobs_runner.processes.launcher import main; main()"
)
_LARGEST_REPLY = 16 * 1024
_END_PATIENCE_SECONDS = 15.0

OnReply = Callable[[int, int, int, bytes], None]


class LauncherChannel:
    """A launcher process and the socket to it.

    `on_reply` is called with each reply; `on_end` once, when the launcher has gone, asked to or not.
    """

    def __init__(
        self, instance_id: str, open_files: int, on_reply: OnReply, on_end: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_reply = on_reply
        self._on_end = on_end
        self._unsent: deque[tuple[bytes, Sequence[int]]] = deque()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            arguments = (str(theirs.fileno()), instance_id, str(open_files))
            self._process = subprocess.Popen(  # in the loop's thread: a vfork of a millisecond
                (sys.executable, "-I", "-S", "-c", _START, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """The launcher's process number."""
        return self._process.pid

    def send(self, packet: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a request and close its descriptors, now or as soon as the launcher takes it."""
        if self._unsent or not self._sent(packet, descriptors):
            if not self._unsent:
                self._loop.add_writer(self._socket.fileno(), self._writable)
            self._unsent.append((packet, descriptors))

    def _sent(self, packet: bytes, descriptors: Sequence[int]) -> bool:
        try:
            if descriptors:
                socket.send_fds(self._socket, [packet], list(descriptors))
            else:
                self._socket.send(packet)
        except BlockingIOError:
            return False
        except OSError:
            pass  # the launcher is gone: the reader reports it and ends its runs
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _writable(self) -> None:
        while self._unsent and self._sent(*self._unsent[0]):
            self._unsent.popleft()
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        while True:
            try:
                data = self._socket.recv(_LARGEST_REPLY)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._ended()
                return
            self._on_reply(*parse_packet(data))

    def _ended(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for _, descriptors in self._unsent:
            for descriptor in descriptors:
                os.close(descriptor)
        self._unsent.clear()
        self._on_end()

    def request_end(self) -> None:
        """Let the launcher kill all it started and go; `on_end` follows when it has."""
        self._socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Force the end of a launcher that does not answer."""
        self._process.kill()

    def reap(self) -> None:
        """Wait for the end of the process, and force it if it does not come; blocks: for a thread."""
        try:
            self._process.wait(_END_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
