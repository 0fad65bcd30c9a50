"""How long lists and history pages take, and whether they get slower as runs pile up."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from figures import Figure, Rounds, in_milliseconds, percentile, tell
from filled_site import DEEP, PAGE, FilledSite, filled_site, queue_runs
from live_stack import fresh_folder, timed
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.postgres import Postgres, run_postgres

FEW, MANY = 10_000, 1_000_000
JOBS = 1000
ROUNDS = 5
_LISTS_A_ROUND = 8
_PAGES_A_ROUND = 40

_LATEST_OF_ALL = "asyncpg, the same rows"
_LATEST = "SELECT latest_run FROM jobs WHERE job_name = ANY($1::text[])"
_PAGE = "SELECT * FROM runs WHERE job_name = $1 ORDER BY run_id DESC LIMIT 50"


def list_ms(site: FilledSite) -> float:
    """One list of every defined job."""
    took, body = timed(lambda: site.client.ask("GET", "/api/jobs/triggered"))
    assert body.count(b'"latest_run":{') == len(site.jobs) + 1  # the deep one
    return took


def page_ms(site: FilledSite, path: str) -> float:
    """One page of a job's runs."""
    took, body = timed(lambda: site.client.ask("GET", path))
    assert body.count(b'"output_url"') == PAGE
    return took


async def bare_ms(site: FilledSite, statement: str, *values: object) -> float:
    """The same rows from Postgres, by the driver that history uses."""
    began = time.perf_counter()
    assert await site.database.fetch(statement, *values)
    return 1000 * (time.perf_counter() - began)


class Pages:
    """Two sites in turns: their pages of ordinary jobs, and of one job that has half of all runs."""

    def __init__(self, few: FilledSite, many: FilledSite) -> None:
        self._sites = {FEW: few, MANY: many}
        self._random = random.Random(1)
        self.p50: dict[int, list[float]] = {FEW: [], MANY: []}
        self.deep_p50: dict[int, list[float]] = {FEW: [], MANY: []}
        self.bare = Rounds("history page", "ms")

    async def round(self) -> None:
        """One round of both."""
        pages: dict[int, list[float]] = {FEW: [], MANY: []}
        deep: dict[int, list[float]] = {FEW: [], MANY: []}
        bare = []
        for _ in range(_PAGES_A_ROUND):
            for runs, site in self._sites.items():
                name = self._random.choice(site.jobs)
                pages[runs].append(page_ms(site, f"/api/jobs/triggered/{name}/history"))
                deep[runs].append(page_ms(site, f"/api/jobs/triggered/{DEEP}/history?limit={PAGE}"))
            bare.append(await bare_ms(self._sites[MANY], _PAGE, name))
        for runs in self._sites:
            self.p50[runs].append(percentile(pages[runs], 50))
            self.deep_p50[runs].append(percentile(deep[runs], 50))
        self.bare.add(self.p50[MANY][-1], percentile(bare, 50))


async def beside_rows(
    site: FilledSite, name: str, ask_ms: Callable[[FilledSite], float], statement: str, count: int
) -> Rounds:
    """Answers about all jobs, `count` a round after one to warm up, beside the same rows from Postgres."""
    rounds = Rounds(name, "ms")
    ask_ms(site)
    for _ in range(ROUNDS):
        ours, bare = [], []
        for _ in range(count):
            ours.append(ask_ms(site))
            bare.append(await bare_ms(site, statement, site.jobs))
        rounds.add(percentile(ours, 50), percentile(bare, 50))
    return rounds


async def main() -> None:
    with fresh_folder() as folder:
        async with (
            run_nats_server(folder / "nats") as nats,
            run_postgres(folder / "postgres") as postgres,
            new_database(postgres, "few") as few_url,
            new_database(postgres, "many") as many_url,
            filled_site(nats.url, few_url, "few", runs=FEW, defined=FEW // 2 // PAGE) as few,
            filled_site(nats.url, many_url, "many", runs=MANY, defined=JOBS) as many,
        ):
            pages = Pages(few, many)
            for _ in range(ROUNDS):
                await pages.round()
            listed = await beside_rows(many, "list", list_ms, _LATEST, _LISTS_A_ROUND)
            await queue_runs(many)
            queued = await beside_rows(many, "list, all queued", list_ms, _LATEST, _LISTS_A_ROUND)
    growth = [round(b / a, 3) for a, b in zip(pages.p50[FEW], pages.p50[MANY], strict=True)]
    deep_growth = [round(b / a, 3) for a, b in zip(pages.deep_p50[FEW], pages.deep_p50[MANY], strict=True)]
    tell(
        in_milliseconds(f"list of {JOBS:,} jobs with their latest runs, p50", listed, _LATEST_OF_ALL, 60, 30),
        in_milliseconds("the same while a run of each waits, p50", queued, _LATEST_OF_ALL, 60, 30),
        in_milliseconds(f"page of {PAGE} runs, {MANY:,} in the table, p50", pages.bare, "asyncpg", 8, 4),
        flat(f"that page to one among {FEW:,}", pages.p50, growth),
        flat("the same of a job that has half of all runs", pages.deep_p50, deep_growth),
    )


def flat(what: str, p50: dict[int, list[float]], growth: list[float]) -> Figure:
    return Figure(
        what=what,
        unit="ms",
        value=statistics.median(p50[MANY]),
        yardstick=f"the same with {FEW:,} runs",
        yardstick_value=statistics.median(p50[FEW]),
        ratio=statistics.median(growth),
        goal=1.2,
        stretch=1.05,
        better="lower",
        rounds=growth,
    )


@asynccontextmanager
async def new_database(postgres: Postgres, name: str) -> AsyncIterator[str]:
    """The address of a database without tables."""
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    yield postgres.url_of(name)


if __name__ == "__main__":
    asyncio.run(main())
