"""Publishes and questions that are refused, and questions side by side."""

import asyncio

import pytest
from webjobs_events.errors import BusUnavailable, MessageTooLarge
from webjobs_events.jetstream import Bus, QueryRefused
from webjobs_rules.job import JobType


async def test_a_message_over_the_size_nats_takes_is_refused_for_good(bus: Bus) -> None:
    too_large = bytes(bus.connection.client.max_payload + 1)
    with pytest.raises(MessageTooLarge, match="NATS takes at most"):
        await bus.jobs.put("triggered.a", too_large)
    async with bus.pipeline() as pipeline:
        with pytest.raises(MessageTooLarge):
            await pipeline.send(bus.subjects.log(JobType.TRIGGERED, "a", "r"), too_large, {})


async def test_a_publish_that_no_stream_takes_fails(bus: Bus) -> None:
    async with bus.pipeline() as pipeline:
        future = await pipeline.send("nobody.listens", b"", {})
        with pytest.raises(BusUnavailable, match="no stream takes this subject"):
            await asyncio.wait_for(future, 5)


async def test_one_question_does_not_wait_for_another(bus: Bus) -> None:
    released = asyncio.Event()

    async def answer(data: bytes) -> bytes:
        if data == b"slow":
            await released.wait()
        return data

    async with bus.serve("webjobs-test", "1.0.0", {"answer": answer}):
        slow = asyncio.create_task(bus.ask("answer", b"slow"))
        await asyncio.sleep(0)
        assert await bus.ask("answer", b"quick") == b"quick"
        released.set()
        assert await slow == b"slow"


async def test_a_handler_that_fails_answers_with_a_code(bus: Bus) -> None:
    async def fail(_: bytes) -> bytes:
        raise RuntimeError("a bug")

    async with bus.serve("webjobs-test", "1.0.0", {"fail": fail}):
        with pytest.raises(QueryRefused, match="a bug") as refusal:
            await bus.ask("fail", b"")
        assert refusal.value.code == 500
