"""How long the overview of all jobs takes over many runs, also while a run of each job waits."""

import asyncio

from figures import in_milliseconds, tell
from filled_site import FilledSite, filled_site, queue_runs
from live_stack import fresh_folder, timed
from reads import JOBS, MANY, beside_rows, new_database
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.postgres import run_postgres

_A_ROUND = 12
_ROWS = "asyncpg, the same rows"
_SUMMARIES = "SELECT * FROM jobs WHERE job_name = ANY($1::text[])"
_GOAL, _STRETCH = 60, 40  # ms


def overview_ms(site: FilledSite) -> float:
    """One overview: figures and attention of all jobs, and the first page."""
    took, body = timed(lambda: site.client.ask("GET", "/api/overview"))
    assert body.count(b'"results":"S') == 100, body[:1000]
    return took


async def main() -> None:
    with fresh_folder() as folder:
        async with (
            run_nats_server(folder / "nats") as nats,
            run_postgres(folder / "postgres") as postgres,
            new_database(postgres, "many") as url,
            filled_site(nats.url, url, "many", runs=MANY, defined=JOBS) as site,
        ):
            idle = await beside_rows(site, "overview", overview_ms, _SUMMARIES, _A_ROUND)
            await queue_runs(site)
            queued = await beside_rows(site, "overview, all queued", overview_ms, _SUMMARIES, _A_ROUND)
    tell(
        in_milliseconds(f"overview of {JOBS:,} jobs, {MANY:,} runs, p50", idle, _ROWS, _GOAL, _STRETCH),
        in_milliseconds(
            "the same while a run of each job waits, p50", queued, _ROWS, 2 * _GOAL, 2 * _STRETCH
        ),
    )


if __name__ == "__main__":
    asyncio.run(main())
