"""How fast events go from JetStream into committed rows, beside a loop that only fetches them."""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import nats
from figures import Figure, Rounds, note, tell
from live_stack import Silence, fresh_folder
from nats.js import api
from webjobs_events.envelope import Cause, encode_event
from webjobs_events.events import RunEvent, RunInitializing, RunRunning, RunSuccess
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_history import store
from webjobs_history.database import Session, open_session
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import Reason
from webjobs_stack.environment import history_spec
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import run_postgres
from webjobs_stack.services import Service

ROUNDS = 5
JOBS = 500
RUNS_OF_A_JOB = 24
EVENTS = 3 * JOBS * RUNS_OF_A_JOB
_FETCH = 500
_PUBLISH_WINDOW = 1000
_ROUND_SECONDS = 60.0
_LEAST_RATE = 1000  # events a second
SUBJECTS = Subjects("webjobs")


def events_of_run(job_name: str, requested_at: datetime) -> list[RunEvent]:
    """What a runner writes of a run that goes well."""
    common: dict[str, Any] = {
        "instance": "327e1e",
        "job_name": job_name,
        "run_id": run_id_at(requested_at),
        "trigger": "External - curl/8.5",
        "digest": "0" * 64,
        "requested_at": requested_at,
    }
    at = [requested_at + timedelta(milliseconds=milliseconds) for milliseconds in (2, 4, 30)]
    return [
        RunInitializing(at=at[0], **common),
        RunRunning(at=at[1], script="run.sh", **common),
        RunSuccess(at=at[2], started_at=at[1], reason=Reason.EXIT_CODE, exit_code=0, **common),
    ]


def cause_of_run(run_id: str) -> Cause:
    """What a runner writes of why a run took place; every run has a trace of its own."""
    command = f"run/{run_id}"
    return Cause(command, command, f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01")


async def fill(bus: Bus, runs: int) -> None:
    """Publish every event: run after run, each of another job than the one before."""
    began_at = datetime(2026, 1, 1, tzinfo=UTC)
    unanswered: deque[asyncio.Future[int]] = deque()
    async with bus.pipeline() as pipeline:
        for number in range(runs):
            requested_at = began_at + timedelta(milliseconds=100 * number)
            cause = cause_of_run(run_id_at(requested_at))
            for event in events_of_run(f"job{number % JOBS:03}", requested_at):
                headers, body = encode_event(event, cause)
                unanswered.append(await pipeline.send(event.subject(SUBJECTS), body, headers))
            while len(unanswered) > _PUBLISH_WINDOW:
                await unanswered.popleft()
        await asyncio.gather(*unanswered)


async def bare_rate(nats_url: str, events: int) -> float:
    """Events a second that nats-py fetches and acknowledges, with nothing done to them."""
    client = await nats.connect(nats_url)
    try:
        stream = client.jetstream()
        config = api.ConsumerConfig(ack_policy=api.AckPolicy.ALL, deliver_policy=api.DeliverPolicy.ALL)
        subscription = await stream.pull_subscribe(
            SUBJECTS.all_events, durable="bare", stream=SUBJECTS.events_stream, config=config
        )
        began, fetched = time.perf_counter(), 0
        while fetched < events:
            messages = await subscription.fetch(min(_FETCH, events - fetched))
            fetched += len(messages)
            await messages[-1].ack()
        seconds = time.perf_counter() - began
        await stream.delete_consumer(SUBJECTS.events_stream, "bare")
        return events / seconds
    finally:
        await client.close()


async def our_rate(bus: Bus, session: Session) -> float:
    """Events a second that a running history commits after a reset."""
    stream = SUBJECTS.events_stream
    created_at = (await bus.connection.js.stream_info(stream)).created
    assert created_at is not None
    await session.run(store.reset, stream, created_at, 0, EVENTS)
    return await projected_rate(session, EVENTS)


async def projected_rate(session: Session, events: int) -> float:
    """Events a second that a history commits, from its first batch until it has committed so many."""
    give_up_at = time.perf_counter() + _ROUND_SECONDS + events / _LEAST_RATE
    first, began = 0, 0.0
    while True:
        position = await session.run(store.load_position)
        sequence, now = position.sequence if position else 0, time.perf_counter()
        assert now < give_up_at
        if sequence and not first:
            first, began = sequence, now
        if sequence >= events:
            return (events - first) / (now - began)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def history(
    nats_url: str, database_url: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """The service as a process of its own."""
    caller = {"PATH": os.environ["PATH"], **(settings or {})}
    spec = history_spec(
        caller, nats_url, "webjobs_history", database_url=database_url, health_port=free_port()
    )
    service = Service(spec, Silence())
    try:
        await service.start()
        yield
    finally:
        await service.stop()


async def main() -> None:
    rounds = Rounds("projection", "events/s")
    with fresh_folder() as folder:
        async with (
            run_nats_server(folder / "nats") as server,
            run_postgres(folder / "postgres") as postgres,
            connect_bus(server.url, name="benchmark", subjects=SUBJECTS) as bus,
        ):
            await fill(bus, JOBS * RUNS_OF_A_JOB)
            note(f"projection: {EVENTS} events are in the stream")
            async with (
                history(server.url, postgres.url),
                open_session(postgres.url, "benchmark") as session,
            ):
                await our_rate(bus, session)  # the first time tables and plans are cold
                for _ in range(ROUNDS):
                    bare = await bare_rate(server.url, EVENTS)
                    rounds.add(await our_rate(bus, session), bare)
    tell(
        Figure(
            what="events from JetStream to committed rows",
            unit="events/s",
            yardstick=f"nats-py fetch({_FETCH}), ack all",
            goal=0.5,
            stretch=0.7,
            better="higher",
            value=rounds.value,
            yardstick_value=rounds.yardstick_value,
            ratio=rounds.ratio,
            rounds=rounds.ratios,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
