"""What one damaged byte in a file of the event stream costs: the reason why the stream is not compressed."""

import asyncio
import os
from pathlib import Path

from support.eventually import eventually
from webjobs_events.jetstream import Bus, connect_bus, stream_state
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import NatsServer

SUBJECTS = Subjects()
STREAM = SUBJECTS.events_stream
MESSAGE = 32 * 1024  # bytes
MESSAGES = 3 * 8 * 1024 * 1024 // MESSAGE  # nats-server begins a new file every 8 MB


def blocks(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"{STREAM}/msgs/*.blk"))


async def fill(bus: Bus) -> None:
    """Publish text that would shrink to a third if the stream were compressed."""
    subject = SUBJECTS.job_event("triggered", "hello", "Running")
    async with bus.pipeline() as pipeline:
        texts = (os.urandom(MESSAGE // 2).hex().encode() for _ in range(MESSAGES))
        await asyncio.gather(*[await pipeline.send(subject, text, {}) for text in texts])


async def test_a_damaged_byte_costs_the_events_of_its_file_at_most(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    try:
        async with connect_bus(server.url, name="test", subjects=SUBJECTS) as bus:
            await fill(bus)
            await eventually(lambda: len(blocks(tmp_path)) > 2)
        await server.stop()
        (index,) = tmp_path.rglob(f"{STREAM}/msgs/index.db")
        index.unlink()  # as after a power cut, when the server must read the files
        damaged = blocks(tmp_path)[1]
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 0xFF
        damaged.write_bytes(content)
        await server.start()
        async with connect_bus(server.url, name="test", subjects=SUBJECTS) as bus:
            state = await stream_state(bus, STREAM)
    finally:
        await server.stop()
    assert (state.first, state.last) == (1, MESSAGES)
    assert 0 < state.missing <= MESSAGES // 3 + 1
