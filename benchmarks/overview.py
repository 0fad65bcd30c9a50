"""How long the overview of all jobs takes over many runs, also while a run of each job waits."""

import asyncio

from figures import Rounds, percentile, tell
from filled_site import FilledSite, filled_site, queue_runs
from live_stack import fresh_folder
from reads import JOBS, MANY, ROUNDS, bare_ms, in_milliseconds, new_database, timed
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


async def overviews(site: FilledSite, name: str) -> Rounds:
    """Overviews, beside the rows that they need of every job."""
    rounds = Rounds(name, "ms")
    overview_ms(site)
    for _ in range(ROUNDS):
        ours, bare = [], []
        for _ in range(_A_ROUND):
            ours.append(overview_ms(site))
            bare.append(await bare_ms(site, _SUMMARIES, site.jobs))
        rounds.add(percentile(ours, 50), percentile(bare, 50))
    return rounds


async def main() -> None:
    with fresh_folder() as folder:
        async with (
            run_nats_server(folder / "nats") as nats,
            run_postgres(folder / "postgres") as postgres,
            new_database(postgres, "many") as url,
            filled_site(nats.url, url, "many", runs=MANY, defined=JOBS) as site,
        ):
            idle = await overviews(site, "overview")
            await queue_runs(site)
            queued = await overviews(site, "overview, all queued")
    tell(
        in_milliseconds(f"overview of {JOBS:,} jobs, {MANY:,} runs, p50", idle, _ROWS, _GOAL, _STRETCH),
        in_milliseconds(
            "the same while a run of each job waits, p50", queued, _ROWS, 2 * _GOAL, 2 * _STRETCH
        ),
    )


if __name__ == "__main__":
    asyncio.run(main())
