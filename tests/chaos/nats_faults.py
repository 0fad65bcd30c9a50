"""What an operator or a stranger can do wrong on NATS: unreadable messages, redelivery, lost consumers."""

import contextlib
from collections.abc import AsyncIterator
from random import Random

from nats.aio.client import Client
from webjobs_events.subjects import Subjects, token_of

_SUBJECTS = Subjects()
_SECONDS = 2.0


@contextlib.asynccontextmanager
async def operator(nats_url: str) -> AsyncIterator[Client]:
    """A connection that may do everything."""
    connection = Client()
    try:
        await connection.connect(nats_url.split(","), allow_reconnect=False, connect_timeout=1)
        yield connection
    finally:
        await connection.close()


async def send_garbage(nats_url: str, job: str, random: Random) -> str:
    """Bytes that nobody can read, on a subject that somebody reads."""
    subject = random.choice(_read_subjects(job))
    with contextlib.suppress(Exception):  # nats-server may be away
        async with operator(nats_url) as connection:
            await connection.publish(subject, random.randbytes(64))
            await connection.flush(1)
    return f"on {subject}"


def is_garbage(subject: str) -> bool:
    """Whether a message on this subject came from `send_garbage`."""
    return "garbage" in subject or subject.endswith(".1")


def _read_subjects(job: str) -> list[str]:
    token = token_of(job)
    leases, jobs = f"$KV.{_SUBJECTS.leases_bucket}", f"$KV.{_SUBJECTS.jobs_bucket}"
    return [
        f"webjobs.commands.triggered.{token}.garbage",
        f"webjobs.commands.triggered.{token}.run.1",
        f"webjobs.commands.continuous.{token}.start",
        f"webjobs.events.triggered.{token}.Garbage",
        f"webjobs.events.triggered.{token}.Success",
        f"webjobs.events.triggered.{token}.ScheduleTicked",
        f"webjobs.events.continuous.{token}.Running",
        "webjobs.events.instance.garbage.InstanceLost",
        f"webjobs.logs.triggered.{token}.1",
        f"webjobs.published.{token}",
        "webjobs.heartbeats.garbage",
        "webjobs.queries.garbage",
        "webjobs.metrics",
        f"{leases}.garbage.{token}",
        f"{leases}.claim.{token}.1",
        f"{leases}.cancel.{token}.1",
        f"{leases}.instance.garbage",
        f"{leases}.refusal.garbage.triggered.{token}",
        f"{jobs}.triggered.{token}-garbage",
        f"{jobs}.garbage",
        f"$KV.{_SUBJECTS.requests_bucket}.garbage",
    ]


async def reset_consumer(nats_url: str, durable: str) -> str:
    """Delete a consumer of the commands while runners take messages from it."""
    with contextlib.suppress(Exception):  # nats-server may be away
        async with operator(nats_url) as connection:
            js = connection.jetstream(timeout=_SECONDS)
            await js.delete_consumer(_SUBJECTS.commands_stream, durable)
            return durable
    return "nothing"


async def hand_out_again(nats_url: str) -> str:
    """Give back every run command that runners have in hand, in their place."""
    stream, count = _SUBJECTS.commands_stream, 0
    with contextlib.suppress(Exception):  # nats-server may be away
        async with operator(nats_url) as connection:
            js = connection.jetstream(timeout=_SECONDS)
            info = await js.consumer_info(stream, "runs")
            state = (await js.stream_info(stream)).state
            assert info.delivered is not None and info.ack_floor is not None
            first, last = info.ack_floor.stream_seq + 1, info.delivered.stream_seq
            for sequence in range(max(first, state.first_seq), last + 1):
                # The subject of an acknowledgement says which message it is about.
                reply = f"$JS.ACK.{stream}.runs.1.{sequence}.{info.delivered.consumer_seq}.1.0"
                await connection.publish(reply, b"-NAK")
                count += 1
            await connection.flush(1)
    return f"up to {count} run commands"
