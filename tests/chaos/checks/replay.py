"""A history that begins with an empty database gives the same answers to every reader."""

from typing import Any

from chaos.round import Round
from support.client import job_url

_DETAILS = 20
"""Runs of each job that are read one by one."""


async def replay_gives_equal_answers(this: Round) -> None:
    """Compare all that the API reads from history, when nothing happens any more."""
    before = await _answers(this)
    async with this.stack.with_rebuilt_history():
        after = await _answers(this)
    different = {url: (before[url], after[url]) for url in before if before[url] != after[url]}
    assert not different, f"a rebuilt history answers differently: {different}"


async def _answers(this: Round) -> dict[str, Any]:
    answers: dict[str, Any] = {}

    async def read(url: str) -> Any:
        answers[url] = await this.client.json(url)
        return answers[url]

    await read("/api/runs")
    for job in this.jobs:
        await read(job_url(job.job_type, job.name))
        await read(f"/api/{job.job_type}webjobs/{job.name}")
        if job.job_type == "triggered":
            await read(f"/api/triggeredwebjobs/{job.name}/history")
            runs = (await read(f"{job_url('triggered', job.name)}/history"))["runs"]
            for run in runs[:_DETAILS]:
                await read(f"{job_url('triggered', job.name)}/history/{run['id']}")
    return answers
