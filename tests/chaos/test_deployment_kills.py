"""kill -9 at random instants of deployments with packages, from a seed; then everything is right.

`make chaos-deployments ROUNDS=n SEED=s` runs many rounds. A round that fails prints its seed and what was
killed. Processes keep their own time: the same seed kills the same kind at about the same instant.
"""

import asyncio
import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
import pytest_asyncio
from chaos.deployments.checks import (
    LOST,
    SentDeployments,
    deployments_have_ended,
    each_has_one_end,
    job_is_whole,
    nothing_is_left,
)
from chaos.deployments.kills import KINDS, kill_one, kinds_of_round
from chaos.deployments.stack import DeploymentStack, deployment_stack
from support.archives import zip_of
from support.client import Client, client_of, job_url
from support.eventually import eventually
from support.programs import need_program

IS_SHORT = "CHAOS_ROUNDS" not in os.environ
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
_READY_SECONDS = 60.0
_ANSWERED_SECONDS = 90.0
_USUAL_SECONDS = {"uv": 1.2, "npm": 2.5}  # that the programs of two deployments at once take here

log = logging.getLogger(__name__)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DeploymentStack]:
    need_program("node")
    need_program("npm")
    async with deployment_stack(tmp_path_factory.mktemp("kills")) as ready:
        yield ready


@pytest_asyncio.fixture(loop_scope="module")
async def client(stack: DeploymentStack) -> AsyncIterator[Client]:
    async with client_of(stack.api_url) as speaking:
        yield speaking


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", range(ROUNDS))
async def test_kills_at_any_instant_of_a_deployment_leave_everything_right(
    number: int, stack: DeploymentStack, client: Client
) -> None:
    seed = FIRST_SEED + number
    random = Random(seed)
    kinds = (*KINDS, random.choice(KINDS[:2])) if IS_SHORT else kinds_of_round(number, random)
    done = [f"Seed {seed}; the services' logs are in {stack.folder}."]
    try:
        await _round(stack, client, number + 1, kinds, random, done)
    except Exception as error:
        error.add_note("\n  ".join(done))
        raise
    log.info("\n  ".join(done))


async def _round(
    stack: DeploymentStack,
    client: Client,
    version: int,
    kinds: Sequence[str],
    random: Random,
    done: list[str],
) -> None:
    stack.offer(version)
    stack.answer_slowly(Random(random.random()))
    jobs = {f"{language}-{secrets.token_hex(3)}": _FILES[language](version) for language in _FILES}
    sent = {job: SentDeployments(job, version) for job in jobs}
    began = time.monotonic()
    sending = [
        asyncio.create_task(_deploy(client, sent[job], files, will_wait=random.random() < 0.6))
        for job, files in jobs.items()
    ]

    async def kill(kind: str, instant: float) -> None:
        killed = await kill_one(stack, kind, instant, lambda: all(task.done() for task in sending), random)
        done.append(f"{kind} after {time.monotonic() - began:.3f} s: {killed}")

    usual = {kind: _USUAL_SECONDS.get(kind, max(_USUAL_SECONDS.values())) for kind in kinds}
    await asyncio.gather(*sending, *(kill(kind, random.uniform(0, usual[kind])) for kind in kinds))
    await eventually(stack.is_ready, _READY_SECONDS, interval=0.1)

    async def end_well(job: str) -> None:
        found = await deployments_have_ended(client, job)
        statuses = [answer and answer.status for answer in sent[job].answers]
        done.append(f"{job}: answered {statuses}, found {[each['state'] for each in found]}")
        await _deploy(client, sent[job], jobs[job], will_wait=True)
        again = sent[job].answers[-1]
        assert again is not None and again.status == 200, again
        await each_has_one_end(stack, sent[job], await deployments_have_ended(client, job))
        await job_is_whole(stack, client, sent[job])

    await asyncio.gather(*(end_well(job) for job in jobs))
    await nothing_is_left(stack)
    done.append(f"all is right after {time.monotonic() - began:.1f} s")


def _python_files(version: int) -> dict[str, str]:
    return {
        "run.py": "import alpha, beta\nprint(alpha.VERSION, beta.VERSION)\n",
        "requirements.txt": f"alpha=={version}.0.0\nbeta=={version}.0.0\n",
    }


def _node_files(version: int) -> dict[str, str]:
    needed = {"alpha": f"{version}.0.0", "beta": f"{version}.0.0"}
    return {
        "run.js": "console.log(require('alpha').VERSION, require('beta').VERSION)\n",
        "package.json": json.dumps({"name": "job", "version": "1.0.0", "dependencies": needed}),
    }


_FILES = {"python": _python_files, "node": _node_files}


async def _deploy(client: Client, sent: SentDeployments, files: dict[str, str], *, will_wait: bool) -> None:
    """Deploy, and note what was answered; one that goes on is followed to its end."""
    headers = {"Content_Type": "application/zip"} | ({} if will_wait else {"Prefer": "respond-async"})
    try:
        async with asyncio.timeout(_ANSWERED_SECONDS):
            answer = await client.put(job_url("triggered", sent.job), zip_of(files), **headers)
    except LOST:
        sent.answers.append(None)
        await deployments_have_ended(client, sent.job)
        return
    sent.answers.append(answer)

    async def has_ended() -> bool:
        try:
            found = await client.get(answer.headers["Location"])
        except LOST:
            return False
        assert found.status in (200, 503), found.text  # never 404: it was accepted
        return found.status == 200 and bool(found.json["complete"])

    if answer.status == 202:
        await eventually(has_ended, _ANSWERED_SECONDS, interval=0.1)
