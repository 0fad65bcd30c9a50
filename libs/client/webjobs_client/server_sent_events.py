"""Server-sent events: how they are read, and how a stream of them goes on after a break; pure.

Source: the HTML standard, section "Server-sent events".
"""

from collections import deque
from collections.abc import Callable

import msgspec

from webjobs_client.errors import contact_lost, error_of
from webjobs_client.exchange import Broken, Now, Open, Pause, Plan, Read, Request
from webjobs_client.tries import Terms, attempt, back_off


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event."""

    id: str
    name: str
    data: str


class EventParser:
    """Reads events from bytes as they come; `last_id` is where a stream is resumed."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._id = last_id  # of the event that is being read
        self._unfinished = b""
        self._name = ""
        self._data: list[str] = []

    def forget_unfinished(self) -> None:
        """Drop what has come of an event that will not go on."""
        self._id, self._unfinished, self._name, self._data = self.last_id, b"", "", []

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Returns the events that these bytes complete."""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        read = (self._line(line.rstrip(b"\r").decode("utf-8", "replace")) for line in lines)
        return [event for event in read if event is not None]

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            self.last_id = self._id  # not before: an event that is cut off is sent again
            event = ServerSentEvent(self.last_id, self._name or "message", "\n".join(self._data))
            had_data, self._name, self._data = bool(self._data), "", []
            return event if had_data else None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            self._id = value
        elif field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None


class ResumingStream:
    """A stream that is opened again after a break, from where it was.

    Args:
        request: Returns the request that goes on after this id, which is empty at first.
        terms: For the first connection.
        patience: Seconds without contact after which a stream that was open before is given up.
    """

    def __init__(
        self, request: Callable[[str], Request], terms: Terms, patience: float, last_id: str = ""
    ) -> None:
        self._request = request
        self._terms = terms
        self._patience = max(patience, terms.retry_for)
        self._parser = EventParser(last_id)
        self._ready: deque[ServerSentEvent] = deque()
        self._is_open = self._was_open = False
        self._breaks = 0
        self.has_ended = False
        """Whether the server says that there is nothing more (204)."""

    def next(self) -> Plan[ServerSentEvent | None]:
        """Returns the next event; None after each break, and at the end.

        Raises:
            ContactLost: The stream could not be opened again.
            ClientError: The server refuses it.
        """
        while not self._ready:
            if not self._is_open:
                yield from self._open()
                if self.has_ended:
                    return None
            try:
                data: bytes = yield Read()
            except Broken:
                data = b""
            if not data:
                self._is_open = False
                return None
            self._ready.extend(self._parser.feed(data))
        self._breaks = 0
        return self._ready.popleft()

    def _open(self) -> Plan[None]:
        terms = self._terms
        if self._was_open:
            yield Pause(back_off(self._breaks))
            self._breaks += 1
            terms = Terms(terms.url, self._patience)
        self._parser.forget_unfinished()
        answer = yield from attempt(Open(self._request(self._parser.last_id)), terms)
        if answer.status == 204:
            self.has_ended = True
        elif answer.status != 200:
            raise error_of(answer)
        elif not (answer.header("content-type") or "").startswith("text/event-stream"):
            raise contact_lost(terms.url, "the answer is no stream of events")
        self._is_open = self._was_open = True


def seconds_since(began: float) -> Plan[float]:
    """Returns the seconds since an instant of the transport's clock."""
    now: float = yield Now()
    return now - began
