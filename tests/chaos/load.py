"""Asks for runs, cancels, reruns, deploys; remembers what was promised."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from chaos.jobs import ChaosJob
from support.archives import zip_of
from support.client import Answer, Client, job_url

_UNREACHABLE = (aiohttp.ClientError, TimeoutError, ConnectionError)


class Load:
    """Asks for all kinds of things until told that it is enough."""

    def __init__(
        self, clients: Sequence[Client], jobs: Sequence[ChaosJob], site: Path, random: Random
    ) -> None:
        self.accepted: dict[str, list[str]] = defaultdict(list)
        """Ids of runs that were answered with 202, by job."""
        self.by_key: dict[tuple[str, str], set[str]] = defaultdict(set)
        """Ids of the runs that the same job and Idempotency-Key gave; one, or a promise was broken."""
        self._clients = clients
        self._jobs = jobs
        self._site = site
        self._random = random

    async def run(self, enough: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                if job.job_type == "triggered" and job.is_asked_for:
                    group.create_task(self._ask_again_and_again(job, enough))
            group.create_task(self._deploy_again_and_again(enough))

    async def _ask_again_and_again(self, job: ChaosJob, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(*_UNREACHABLE):
                await self._ask(job)
            await _pause(self._random.uniform(0.05, 0.6), enough)

    async def _ask(self, job: ChaosJob) -> None:
        known = self.accepted[job.name]
        chance = self._random.random()
        url = job_url("triggered", job.name)
        if chance < 0.1 and known:
            await self._send("POST", f"{url}/history/{self._random.choice(known[-3:])}/cancel")
        elif chance < 0.2 and known:
            self._note(job, await self._send("POST", f"{url}/history/{self._random.choice(known)}/rerun"))
        elif chance < 0.35:
            await self._ask_with_key(job, f"key-{self._random.randrange(10**9)}")
        else:
            self._note(job, await self._send("POST", f"{url}/run"))

    async def _ask_with_key(self, job: ChaosJob, key: str) -> None:
        for _ in range(2):
            with contextlib.suppress(*_UNREACHABLE):
                headers = {"Idempotency-Key": key}
                answer = await self._send("POST", f"{job_url('triggered', job.name)}/run", headers=headers)
                run_id = self._note(job, answer)
                if run_id:
                    self.by_key[job.name, key].add(run_id)

    def _note(self, job: ChaosJob, answer: Answer) -> str | None:
        if answer.status != 202:
            return None
        run_id = answer.headers["Location"].rpartition("/")[2]
        self.accepted[job.name].append(run_id)
        return run_id

    async def _deploy_again_and_again(self, enough: asyncio.Event) -> None:
        """By the api, or by an edit in the folder; what the script does stays the same."""
        version = 0
        while not enough.is_set():
            await _pause(self._random.uniform(0.5, 2.0), enough)
            version += 1
            job = self._random.choice(self._jobs)
            script = f"{job.script}# version {version}\n"
            if self._random.random() < 0.5:
                files = {**job.files, "run.sh": script}
                headers = {"Content-Type": "application/zip"}
                with contextlib.suppress(*_UNREACHABLE):
                    await self._send(
                        "PUT", job_url(job.job_type, job.name), data=zip_of(files), headers=headers
                    )
            else:
                file = self._site / "site/wwwroot/app_data/jobs" / job.job_type / job.name / "run.sh"
                with contextlib.suppress(FileNotFoundError):
                    file.write_text(script)

    async def _send(self, method: str, path: str, **options: Any) -> Answer:
        return await self._random.choice(self._clients).ask(method, path, **options)


async def _pause(seconds: float, enough: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await enough.wait()
