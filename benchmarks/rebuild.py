"""How fast a new projection reads the whole event stream, and how much disk the stream takes.

`rebuild.py 1000000` does it with a million runs, which takes minutes.
"""

import asyncio
import sys
from pathlib import Path

from figures import Figure, note, tell
from live_stack import fresh_folder
from projection import SUBJECTS, bare_rate, fill, history, projected_rate
from sqlalchemy import Connection, func, select
from webjobs_events.jetstream import connect_bus
from webjobs_history.database import open_session
from webjobs_history.migrations.migrate import migrate
from webjobs_history.tables import runs as runs_table
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.postgres import run_postgres

RUNS = 60_000
EVENTS_OF_A_RUN = 3
_KEPT = "1000000000"  # runs of each job: every run keeps its row


def size_on_disk(folder: Path) -> int:
    """Bytes of the files of the event stream."""
    return sum(path.stat().st_size for path in folder.rglob(f"{SUBJECTS.events_stream}/msgs/*.blk"))


def _count_runs(connection: Connection) -> int | None:
    return connection.scalar(select(func.count()).select_from(runs_table))


async def main(runs: int) -> None:
    events = runs * EVENTS_OF_A_RUN
    with fresh_folder() as folder:
        async with (
            run_nats_server(folder / "nats") as server,
            run_postgres(folder / "postgres") as postgres,
            connect_bus(server.url, name="benchmark", subjects=SUBJECTS) as bus,
        ):
            await fill(bus, runs)
            state = (await bus.connection.js.stream_info(SUBJECTS.events_stream)).state
            on_disk = size_on_disk(folder / "nats")
            note(f"rebuild: {events} events are in the stream, {on_disk / 1e6:.0f} MB on disk")
            bare = await bare_rate(server.url, events)
            async with open_session(postgres.url, "benchmark") as session:
                await migrate(session)
                async with history(server.url, postgres.url, {"WEBJOBS_HISTORY_SIZE": _KEPT}):
                    rate = await projected_rate(session, events)
                rows = await session.run(_count_runs)
            if rows != runs:
                raise RuntimeError(f"{rows} of {runs} runs have a row")
    tell(
        Figure(
            what=f"a new projection reads {runs:,} runs",
            unit="events/s",
            yardstick="nats-py fetch(500), ack all",
            goal=20_000,
            stretch=30_000,
            judged="value",
            better="higher",
            value=rate,
            yardstick_value=bare,
            ratio=rate / bare,
            facts={"seconds": events / rate},
        ),
        Figure(
            what="event stream on disk a run",
            unit="kB",
            yardstick="its messages before compression",
            goal=1.0,
            stretch=0.7,
            judged="value",
            better="lower",
            value=on_disk / runs / 1000,
            yardstick_value=state.bytes / runs / 1000,
            ratio=on_disk / state.bytes,
        ),
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
