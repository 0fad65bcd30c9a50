"""Rounds of faults under load, from a seed; `make chaos ROUNDS=n SEED=s` runs many.

A round that fails prints its seed and what was done. Threads of the system keep their own time: the same seed
does the same things at about the same instants.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from chaos.checks import leftovers, logs, processes, replay, runs, schedules
from chaos.faults import FaultInjector
from chaos.jobs import jobs_of_round
from chaos.load import Load
from chaos.round import Round, events_by_job
from chaos.stack import ChaosStack, chaos_stack
from support.archives import zip_of
from support.client import Client, client_of, job_url
from support.eventually import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
FAULT_SECONDS = float(os.environ.get("CHAOS_SECONDS", "4"))
_READY_SECONDS = 60.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChaosStack]:
    async with chaos_stack(tmp_path_factory.mktemp("chaos")) as ready:
        yield ready


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def consumers(stack: ChaosStack) -> Counter[tuple[str, str]]:
    """Those that there are before the first round."""
    return await leftovers.consumers_of(stack)


@pytest_asyncio.fixture(loop_scope="module")
async def clients(stack: ChaosStack) -> AsyncIterator[list[Client]]:
    async with client_of(stack.apis[0]) as first, client_of(stack.apis[1]) as second:
        yield [first, second]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(ROUNDS))
async def test_round(
    number: int,
    stack: ChaosStack,
    consumers: Counter[tuple[str, str]],
    clients: list[Client],
    tmp_path: Path,
) -> None:
    seed = FIRST_SEED + number
    random = Random(seed)
    jobs = jobs_of_round(f"r{seed}-{secrets.token_hex(2)}", tmp_path, random)
    for job in jobs:
        answer = await clients[0].put(
            job_url(job.job_type, job.name), zip_of(job.files(1)), Content_Type="application/zip"
        )
        assert answer.status == 200, answer.text
    load = Load(clients, jobs, stack.sites, random)
    injector = FaultInjector(stack, [job.name for job in jobs], Random(seed), FAULT_SECONDS)
    this = Round(stack, clients[1], jobs, load, injector.faults, tmp_path, datetime.now(UTC))
    enough = asyncio.Event()
    requesting = asyncio.create_task(load.run(enough))
    try:
        await injector.run(FAULT_SECONDS)
        enough.set()
        injector.heal()
        await requesting
        await eventually(stack.is_ready, _READY_SECONDS, interval=0.1)
        await all_is_right(this, random)
        if number == ROUNDS - 1 > 0:  # the one round of `make test` is over sooner than consumers expire
            await leftovers.no_consumer_is_left(stack, consumers)
    except AssertionError as error:
        error.add_note(
            "\n  ".join([f"Seed {seed}; the services' logs are in {stack.folder}.", *injector.faults.log])
        )
        raise
    finally:
        enough.set()
        injector.heal()
        requesting.cancel()
        await asyncio.gather(requesting, return_exceptions=True)


async def all_is_right(this: Round, random: Random) -> None:
    """Every promise was kept, and nothing is left."""
    await processes.continuous_jobs_are_back(this)
    await this.deploy_fleeting_jobs()
    until = await schedules.end_schedules(this)
    await runs.all_runs_end(this)
    await processes.stopped_jobs_run_nowhere(this)
    by_job = events_by_job(await this.events())
    await runs.runs_are_right(this, by_job)
    await logs.logs_are_whole(this, by_job, random)
    await schedules.due_times_are_recorded(this, by_job, until)
    await replay.replay_gives_equal_answers(this)
    await leftovers.nothing_is_left(this)
