"""Requests runs, cancels, reruns, deploys; remembers what was promised."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from chaos.jobs import ChaosJob
from support.archives import zip_of
from support.client import Answer, Client, job_url
from support.eventually import eventually

_UNREACHABLE = (aiohttp.ClientError, TimeoutError, ConnectionError)
_ZIP = {"Content-Type": "application/zip"}
_DEPLOYED_SECONDS = 60.0


class Load:
    """Sends requests of all kinds until told that it is enough."""

    def __init__(
        self, clients: Sequence[Client], jobs: Sequence[ChaosJob], sites: Sequence[Path], random: Random
    ) -> None:
        self.accepted: dict[str, set[str]] = defaultdict(set)
        """Ids of runs that were answered with 202, by job."""
        self.by_key: dict[tuple[str, str], set[str]] = defaultdict(set)
        """Ids of the runs that the same job and Idempotency-Key gave; one, or a promise was broken."""
        self._clients = clients
        self._jobs = jobs
        self._sites = sites
        self._random = random
        self._used_keys: dict[str, list[str]] = defaultdict(list)

    async def run(self, enough: asyncio.Event) -> None:
        """Until it is enough."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                if job.job_type == "triggered" and job.is_requested:
                    group.create_task(self._request_again_and_again(job, enough))
                if job.is_fleeting:
                    group.create_task(self._delete_again_and_again(job, enough))
            group.create_task(self._deploy_again_and_again(enough))

    async def _request_again_and_again(self, job: ChaosJob, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(*_UNREACHABLE):
                await self._request(job)
            await _pause(self._random.uniform(0.05, 0.6), enough)

    async def _request(self, job: ChaosJob) -> None:
        known = sorted(self.accepted[job.name])
        chance = self._random.random()
        url = job_url("triggered", job.name)
        if chance < 0.1 and known:
            await self._send("POST", f"{url}/history/{self._random.choice(known[-3:])}/cancel")
        elif chance < 0.2 and known:
            self._note(job, await self._send("POST", f"{url}/history/{self._random.choice(known)}/rerun"))
        elif chance < 0.35:
            await self._request_with_key(job)
        else:
            self._note(job, await self._send("POST", f"{url}/run"))

    async def _request_with_key(self, job: ChaosJob) -> None:
        """Twice under a new key, or once more under one that was used before."""
        used = self._used_keys[job.name]
        if used and self._random.random() < 0.3:
            key, times = self._random.choice(used), 1
        else:
            key, times = f"key-{self._random.randrange(10**9)}", 2
            used.append(key)
        for _ in range(times):
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
        self.accepted[job.name].add(run_id)
        return run_id

    async def _deploy_again_and_again(self, enough: asyncio.Event) -> None:
        """By the api, or by an edit in a folder; what the script does stays the same."""
        lasting = [job for job in self._jobs if not job.is_fleeting]
        version = 1
        while not enough.is_set():
            await _pause(self._random.uniform(0.5, 2.0), enough)
            version += 1
            with contextlib.suppress(*_UNREACHABLE, OSError):
                await self._deploy(self._random.choice(lasting), version)

    async def _deploy(self, job: ChaosJob, version: int) -> None:
        url = job_url(job.job_type, job.name)
        chance = self._random.random()
        if chance < 0.4:
            await self._upload(job, version)
        elif chance < 0.6:
            await self._send("PUT", f"{url}/settings", data=json.dumps(job.settings))
        else:
            site = self._random.choice(self._sites)
            folder = site / "site/wwwroot/app_data/jobs" / job.job_type / job.name
            if folder.is_dir():
                with (folder / "run.sh").open("a") as script:
                    script.write("# edited\n")

    async def _delete_again_and_again(self, job: ChaosJob, enough: asyncio.Event) -> None:
        """With runs in between: their job may go while they wait or run."""
        url = job_url(job.job_type, job.name)
        while not enough.is_set():
            with contextlib.suppress(*_UNREACHABLE):
                self._note(job, await self._send("POST", f"{url}/run"))
                await _pause(self._random.uniform(0, 1), enough)
                await self._send("DELETE", url)
                await _pause(self._random.uniform(0, 1), enough)
                await self._upload(job, 1)

        async def is_deployed() -> bool:
            with contextlib.suppress(*_UNREACHABLE):
                return (await self._upload(job, 1)).status == 200
            return False

        # The last deployment may have failed, and the runs of the job are read later.
        await eventually(is_deployed, _DEPLOYED_SECONDS, interval=0.3)

    async def _upload(self, job: ChaosJob, version: int) -> Answer:
        url = job_url(job.job_type, job.name)
        return await self._send("PUT", url, data=zip_of(job.files(version)), headers=_ZIP)

    async def _send(self, method: str, path: str, **options: Any) -> Answer:
        return await self._random.choice(self._clients).ask(method, path, **options)


async def _pause(seconds: float, enough: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await enough.wait()
