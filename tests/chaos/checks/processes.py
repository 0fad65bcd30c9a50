"""What the API says is what runs."""

import contextlib
from collections import Counter
from pathlib import Path

from chaos.jobs import ChaosJob
from chaos.nats_nodes import COUNT
from chaos.round import Round
from chaos.stack import MARKER, RUNNERS
from support.client import job_url
from support.eventually import eventually
from support.process_search import processes_with

_BACK_SECONDS = 15.0 if COUNT == 1 else 30.0
"""In a cluster leaders are elected first, and leases are longer."""


async def continuous_jobs_are_back(this: Round) -> None:
    """Soon after everything is healed, each job runs where it must, and the API says the same."""
    for job in this.jobs_of_type("continuous"):
        if job.is_steady:
            await eventually(lambda job=job: _runs_as_shown(this, job), _BACK_SECONDS, interval=0.2)
        assert not (this.witness / f"{job.name}.over").exists(), f"two instances ran {job.name} at once"


async def _runs_as_shown(this: Round, job: ChaosJob) -> bool:
    kudu = await this.client.json(f"/api/continuouswebjobs/{job.name}")
    shown = Counter(
        instance
        for instance, _, status in (line.partition(" - ") for line in kudu["detailed_status"].splitlines())
        if status == "Running"
    )
    scripts = [pid for pid in processes_with(f"WEBJOBS_NAME={job.name}\0") if _is_script(pid)]
    running = Counter(_instance_of(pid) for pid in scripts)
    assert running == shown, f"{job.name} runs on {dict(running)}, shown are {dict(shown)}"
    wanted = 1 if job.is_singleton else RUNNERS
    assert running.total() == wanted, f"{job.name} runs on {dict(running)} instead of {wanted} instances"
    return True


async def stopped_jobs_run_nowhere(this: Round) -> None:
    """Stop every continuous job; each is shown as stopped, and has no process."""
    for job in this.jobs_of_type("continuous"):
        answer = await this.client.post(f"{job_url('continuous', job.name)}/stop")
        assert answer.status == 200, answer.text
    for job in this.jobs_of_type("continuous"):
        await this.client.until_status(job.name, "Stopped")
    nothing_of_jobs_runs(this)


def nothing_of_jobs_runs(this: Round) -> None:
    """No process has the environment of a script, and all others belong to the parts."""
    for job in this.jobs:
        left = processes_with(f"WEBJOBS_NAME={job.name}\0")
        assert not left, f"{job.name} is over, and has the processes {left}"
    known = {pid for part in this.stack.parts.values() for pid in part.pids}
    marked = processes_with(f"{MARKER}={this.stack.folder}\0")
    strangers = {pid: _command_of(pid) for pid in marked if pid not in known}
    assert not any(strangers.values()), f"nobody's children: {strangers}"


def _is_script(pid: int) -> bool:
    """Not one of those that the script has started."""
    return "run.sh" in _command_of(pid)


def _command_of(pid: int) -> str:
    """Empty when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def _instance_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if word.startswith(b"WEBSITE_INSTANCE_ID="):
                return word.partition(b"=")[2].decode()
    return ""
