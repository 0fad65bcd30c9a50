"""Rounds of faults under load, from a seed; `make chaos ROUNDS=n SEED=s` runs many.

A round that fails prints its seed and what was done. Threads of the system keep their own time: the same seed
does the same things at about the same instants.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from chaos import checks
from chaos.faults import inject_faults
from chaos.jobs import jobs_of_round
from chaos.load import Load
from chaos.stack import ChaosStack, chaos_stack
from support.archives import zip_of
from support.background import in_background
from support.client import Client, client_of, job_url
from support.eventually import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
FAULT_SECONDS = float(os.environ.get("CHAOS_SECONDS", "4"))
_READY_SECONDS = 60.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosStack]:
    with in_background(chaos_stack(tmp_path_factory.mktemp("chaos"))) as ready:
        yield ready


@pytest.fixture
async def clients(stack: ChaosStack) -> AsyncIterator[list[Client]]:
    async with client_of(stack.apis[0]) as first, client_of(stack.apis[1]) as second:
        yield [first, second]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(ROUNDS))
async def test_round(number: int, stack: ChaosStack, clients: list[Client], tmp_path: Path) -> None:
    seed = FIRST_SEED + number
    random = Random(seed)
    jobs = jobs_of_round(f"r{seed}-{secrets.token_hex(2)}", tmp_path, random)
    for job in jobs:
        answer = await clients[0].put(
            job_url(job.job_type, job.name), zip_of(job.files), Content_Type="application/zip"
        )
        assert answer.status == 200, answer.text
    load = Load(clients, jobs, stack.site, random)
    enough = asyncio.Event()
    asking = asyncio.create_task(load.run(enough))
    told: list[str] = []
    try:
        told = await inject_faults(stack, [job.name for job in jobs], Random(seed), FAULT_SECONDS)
        enough.set()
        await asking
        stack.resume_all()
        await eventually(stack.is_ready, _READY_SECONDS, interval=0.2)
        await checks.continuous_jobs_are_back(stack, clients[0], jobs)
        await checks.accepted_runs_end(clients[1], load)
        await checks.everything_agrees(stack, clients[0], jobs, load, tmp_path)
        await checks.nothing_is_left(stack, clients[1], jobs)
    except AssertionError as error:
        error.add_note("\n  ".join([f"Seed {seed}; the services' logs are in {stack.folder}.", *told]))
        raise
    finally:
        enough.set()
        stack.resume_all()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
