"""Mirrors of buckets: complete when entered, and deaf to no change."""

import asyncio

import pytest
from support.eventually import eventually
from webjobs_events.jetstream import Bus


async def test_a_mirror_tells_the_next_change_when_a_listener_failed_at_one(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def listen(key: str, _entry: object) -> None:
        told.append(key)
        if key == "triggered.bad":
            raise ValueError("unreadable definition")

    async with bus.jobs.mirror(listen) as mirror:
        await bus.jobs.put("triggered.bad", b"?")
        await asyncio.wait_for(mirror.reached(await bus.jobs.put("triggered.good", b"!")), 30)
    assert told == ["triggered.bad", "triggered.good"]
    assert "a listener failed" in capsys.readouterr().out


async def test_a_mirror_of_many_keys_is_complete_when_entered_while_they_change(bus: Bus) -> None:
    async with bus.pipeline() as pipeline:

        async def put_all(value: bytes) -> None:
            subjects = [bus.jobs.subject_of(f"triggered.{number}") for number in range(1500)]
            await asyncio.gather(*[await pipeline.send(subject, value, {}) for subject in subjects])

        await put_all(b"1")
        changing = asyncio.create_task(put_all(b"2"))
        async with bus.jobs.mirror() as mirror:
            assert len(mirror.entries) == 1500
            await changing
            await eventually(lambda: {entry.value for entry in mirror.entries.values()} == {b"2"})
