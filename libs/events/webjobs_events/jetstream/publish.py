"""One acknowledged publish, and what the refusals of JetStream mean to us."""

from collections.abc import Mapping

import nats.errors
from nats.js import errors as js_errors

from webjobs_events.errors import CommandRefused, MessageTooLarge, RevisionConflict
from webjobs_events.jetstream.connection import Connection

PUBLISH_TIMEOUT = 5.0  # seconds
EXPECTED_SEQUENCE_HEADER = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT_HEADER = "Nats-Expected-Last-Subject-Sequence-Subject"  # a filter, instead of the own one
_WRONG_LAST_SEQUENCE = (10071, 10164)
_PER_SUBJECT_LIMIT = "maximum messages per subject exceeded"


async def publish_acknowledged(
    connection: Connection,
    subject: str,
    data: bytes,
    headers: Mapping[str, str] | None = None,
    timeout: float = PUBLISH_TIMEOUT,
) -> int:
    """Publish and wait until the stream has it; answers the message's sequence in the stream.

    Raises:
        CommandRefused: The subject takes one message at a time and holds one.
        RevisionConflict: The subject's last sequence is not the one the headers expect.
        MessageTooLarge: NATS takes no message of this size.
        BusUnavailable: No answer, or JetStream is in trouble; the message may or may not be stored.
    """
    async with connection.asking(f"publishing on {subject}"):
        try:
            ack = await connection.js.publish(
                subject, data, timeout=timeout, headers=dict(headers) if headers else None
            )
        except js_errors.APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                raise RevisionConflict(subject) from error
            if error.description == _PER_SUBJECT_LIMIT:
                raise CommandRefused(subject) from error
            raise
        except nats.errors.MaxPayloadError as error:
            raise MessageTooLarge(subject, len(data), connection.client.max_payload) from error
    return ack.seq
