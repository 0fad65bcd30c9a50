"""What passes through a tunnel: a byte stream each way, cut into frames of one NATS message each."""

import struct
from enum import IntEnum
from typing import NamedTuple

import msgspec
from webjobs_rules.errors import WebJobsError

WINDOW = 256 * 1024
"""Bytes that may be on their way in one direction before the receiver has handed them on."""

LONGEST_BODY = 64 * 1024
"""Bytes of data in one frame; far below what NATS takes in one message."""

_HEAD = struct.Struct("!BQ")


class FrameKind(IntEnum):
    """The kind of a frame; its number is 0 unless stated otherwise."""

    OPEN = 1
    """The body asks for something that the other end connects to: a `TunnelRequest`."""
    ACCEPTED = 2
    REFUSED = 3
    """The body says why: a `TunnelRefusal`."""
    DATA = 4
    """The number is the offset of the body's first byte: a lost message shows itself as a gap."""
    CREDIT = 5
    """Data may be sent up to this offset."""
    EOF = 6
    """The sender has sent all it has, up to this offset, and still listens."""
    CLOSE = 7
    """The sender has sent all it has, up to this offset, and does not listen any more."""
    RESET = 8
    """It is over at once; the body says why."""
    ALIVE = 9
    """The sender is there."""


class Frame(NamedTuple):
    """One frame."""

    kind: FrameKind
    number: int = 0
    body: bytes = b""


class TunnelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to connect to: the port that a continuous job listens on."""

    job_name: str


class TunnelRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no connection.

    Attributes:
        code: `not_running`: nothing of the job runs there; `not_listening`: it runs, and does not take
            connections; `busy`: too many tunnels.
        reason: A sentence.
    """

    code: str
    reason: str


NOT_RUNNING = "not_running"
NOT_LISTENING = "not_listening"
BUSY = "busy"


class MalformedFrame(WebJobsError):
    """A message in a tunnel that is no frame."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"A message of {size} bytes in a tunnel is not a frame.")


class TunnelRefused(WebJobsError):
    """The other end did not connect.

    Attributes:
        code: As in `TunnelRefusal`.
        reason: A sentence.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


def encode_frame(frame: Frame) -> bytes:
    """A frame as the payload of a message."""
    return _HEAD.pack(frame.kind, frame.number) + frame.body


def decode_frame(payload: bytes) -> Frame:
    """The frame in a payload.

    Raises:
        MalformedFrame: There is none.
    """
    try:
        kind, number = _HEAD.unpack_from(payload)
        return Frame(FrameKind(kind), number, payload[_HEAD.size :])
    except (struct.error, ValueError) as error:
        raise MalformedFrame(len(payload)) from error
