"""What a transport is asked to do, step by step, and what it gives back; pure.

What a client does is a plan: a generator that yields steps, gets their results, and returns the result of the
whole. Plans hold all there is to know of the api, of tries and of streams; a transport carries out steps.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")


class Upload(msgspec.Struct, frozen=True):
    """A body that is read while it is sent.

    Attributes:
        size: In bytes.
        chunks: Returns its bytes from the beginning; called once for each try.
        close: Gives back what holds it.
    """

    size: int
    chunks: Callable[[], Iterator[bytes]]
    close: Callable[[], None] = lambda: None

    def counted(self, count: Callable[[int], None]) -> "Upload":
        """Returns the same, whose chunks are counted: `count` gets the bytes read so far."""

        def chunks() -> Iterator[bytes]:
            read = 0
            count(0)
            for chunk in self.chunks():
                yield chunk
                read += len(chunk)
                count(read)

        return Upload(self.size, chunks, self.close)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Attributes:
        method: In capitals.
        target: Path below the client's address, with the query.
        headers: Name and value, beside those that every request has.
        body: Bytes, or what is read while it is sent.
        is_repeatable: Whether it may be sent again when its answer was lost.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Upload | None = None
    is_repeatable: bool = True


class Answer(msgspec.Struct, frozen=True):
    """What came back; `headers` have lower-case names. The body of a stream is empty: it is read by steps."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Returns the first header of this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class Send(msgspec.Struct, frozen=True):
    """Send a request and read all of its answer: `Answer`, or `Broken`."""

    request: Request


class Open(msgspec.Struct, frozen=True):
    """Send a request whose good answer is a stream: `Answer`, or `Broken`. It replaces an earlier stream."""

    request: Request


class Read(msgspec.Struct, frozen=True):
    """Read what has come of the stream: bytes, none at its end; or `Broken`."""


class Pause(msgspec.Struct, frozen=True):
    """Wait."""

    seconds: float


class Now(msgspec.Struct, frozen=True):
    """Read a clock that never goes back: seconds."""


class Emit(msgspec.Struct, frozen=True):
    """Give the caller the next item of what it iterates over."""

    item: Any


Step: TypeAlias = Send | Open | Read | Pause | Now | Emit
Plan: TypeAlias = Generator[Step, Any, T]


class Broken(Exception):
    """A transport got no answer, or not all of it.

    Attributes:
        reason: What happened, without an address.
        was_sent: Whether the server may have the request.
        may_pass: Whether another try could succeed.
    """

    def __init__(self, reason: str, *, was_sent: bool, may_pass: bool = True) -> None:
        self.reason = reason
        self.was_sent = was_sent
        self.may_pass = may_pass
        super().__init__(reason)
