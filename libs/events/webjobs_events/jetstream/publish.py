"""One acknowledged publish, and what the refusals of JetStream mean to us."""

from collections.abc import Mapping

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js import errors as js_errors

from webjobs_events.errors import BusUnavailable, CommandRefused, RevisionConflict

PUBLISH_TIMEOUT = 5.0  # seconds
_WRONG_LAST_SEQUENCE = (10071, 10164)
_PER_SUBJECT_LIMIT = "maximum messages per subject exceeded"


async def publish_acknowledged(
    js: JetStreamContext,
    subject: str,
    data: bytes,
    headers: Mapping[str, str] | None = None,
    timeout: float = PUBLISH_TIMEOUT,
) -> int:
    """Publish and wait until the stream has it; answers the message's sequence in the stream.

    Raises:
        CommandRefused: The subject takes one message at a time and holds one.
        RevisionConflict: The subject's last sequence is not the one the headers expect.
        BusUnavailable: No answer, or JetStream is in trouble.
    """
    try:
        ack = await js.publish(subject, data, timeout=timeout, headers=dict(headers) if headers else None)
    except js_errors.APIError as error:
        if error.err_code in _WRONG_LAST_SEQUENCE:
            raise RevisionConflict(subject) from error
        if error.description == _PER_SUBJECT_LIMIT:
            raise CommandRefused(subject) from error
        raise BusUnavailable(f"publishing on {subject}", str(error)) from error
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailable(f"publishing on {subject}", describe(error)) from error
    return ack.seq


def describe(error: BaseException) -> str:
    """A short reason: the error's own words, or its kind when it has none."""
    return str(error) or type(error).__name__


def require_connection(client: Client, doing: str) -> None:
    """Fail at once while NATS is away, instead of waiting for a time-out.

    Raises:
        BusUnavailable: The connection is down.
    """
    if not client.is_connected:
        raise BusUnavailable(doing, "the connection is down")
