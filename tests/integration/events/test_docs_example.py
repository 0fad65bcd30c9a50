"""The program in docs/events.md does what the page says."""

import asyncio
import sys
from pathlib import Path

from support.sample_messages import CAUSE, EVENTS
from webjobs_events.jetstream import Bus
from webjobs_stack.nats_server import NatsServer

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()


async def test_the_documented_subscriber_hears_of_runs_from_the_first(
    own_server: NatsServer, own_bus: Bus, tmp_path: Path
) -> None:
    program = PAGE.split("```python\n")[1].split("```")[0]
    (tmp_path / "subscriber.py").write_text(program.replace("nats://127.0.0.1:4222", own_server.url))
    names = ("Initializing", "Running", "Success")
    events = [EVENTS[f"triggered.{name}"] for name in names]
    for event in events[:2]:
        await own_bus.publish_event(event, CAUSE)
    process = await asyncio.create_subprocess_exec(
        sys.executable, tmp_path / "subscriber.py", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            lines = [await process.stdout.readline() for _ in range(2)]
            await own_bus.publish_event(events[2], CAUSE)
            lines.append(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()
    assert [line.decode().split()[0] for line in lines] == [event.event_id for event in events]
    assert [line.decode().split()[2] for line in lines] == list(names)
