"""The trace to which a request, a run and their events belong: W3C Trace Context; pure.

Nothing here records spans. So the context of the request is handed on as it came: a parent id of our own
would name a span that no tracing system knows.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence

import msgspec

TRACEPARENT = "traceparent"
"""Name of the header that names the trace; in capitals, of the variable that scripts read."""

TRACESTATE = "tracestate"
"""Name of the header with what tracing systems add to it."""

_PARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<rest>-.*)?"
)
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(_KEY + r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MOST_MEMBERS = 32
_LONGEST_STATE = 512  # characters; a longer one may be dropped, says the recommendation
_SAMPLED = 1


class Trace(msgspec.Struct, frozen=True):
    """A valid trace context.

    Attributes:
        traceparent: As the header has it.
        tracestate: The same; None when there is none.
    """

    traceparent: str
    tracestate: str | None = None

    @property
    def trace_id(self) -> str:
        """The 32 hexadecimal digits that everything in the trace shares."""
        return self.traceparent[3:35]

    @property
    def headers(self) -> dict[str, str]:
        """It as headers of a request or a message."""
        parent = {TRACEPARENT: self.traceparent}
        return parent | {TRACESTATE: self.tracestate} if self.tracestate else parent


def parse_trace(parents: Sequence[str], states: Sequence[str] = ()) -> Trace | None:
    """The trace in the values of these headers; None when they name none.

    A `traceparent` that is invalid, or is there twice, counts as none. A `tracestate` that is invalid is left
    out. A version that is not known is read, and written, as version 00.

    Args:
        parents: Every value of `traceparent`.
        states: Every value of `tracestate`, in order.
    """
    match = _PARENT.fullmatch(parents[0].strip(" \t")) if len(parents) == 1 else None
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["rest"]):
        return None
    if not match["trace"].strip("0") or not match["parent"].strip("0"):
        return None
    flags = match["flags"] if match["version"] == "00" else f"{int(match['flags'], 16) & _SAMPLED:02x}"
    return Trace(f"00-{match['trace']}-{match['parent']}-{flags}", _state(states))


def new_trace() -> Trace:
    """A trace that begins here; it asks to be recorded."""
    return _trace(secrets.token_bytes(24))


def derived_trace(*seeds: str) -> Trace:
    """A trace that begins with something that has a name: the same seeds are the same trace."""
    return _trace(hashlib.sha256("\0".join(("trace", *seeds)).encode("utf-8", "surrogatepass")).digest())


def _trace(random: bytes) -> Trace:
    trace_id, parent_id = random[:16].hex(), random[16:24].hex()
    if not trace_id.strip("0") or not parent_id.strip("0"):  # these stand for none
        return _trace(hashlib.sha256(random).digest())
    return Trace(f"00-{trace_id}-{parent_id}-{_SAMPLED:02x}")


def _state(values: Sequence[str]) -> str | None:
    members = [member.strip(" \t") for value in values for member in value.split(",")]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    state = ",".join(members)
    is_valid = (
        0 < len(members) <= _MOST_MEMBERS
        and len(keys) == len(members)
        and len(state) <= _LONGEST_STATE
        and all(_MEMBER.fullmatch(member) for member in members)
    )
    return state if is_valid else None
