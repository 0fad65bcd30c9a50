"""What one round consists of, as its checks read it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chaos.faults import Faults
from chaos.jobs import ChaosJob
from chaos.load import Load
from chaos.stack import ChaosStack
from support.bus import replay
from support.client import Client
from webjobs_events.events import Event, RunEnded, RunEvent, ScheduleTicked


@dataclass(frozen=True, slots=True)
class Round:
    """One round, after its faults.

    Attributes:
        stack: All processes.
        client: Of one of the apis.
        jobs: That were deployed.
        load: What was promised.
        faults: What was done.
        witness: Folder with what scripts wrote down.
        deployed_at: When all jobs were there.
    """

    stack: ChaosStack
    client: Client
    jobs: Sequence[ChaosJob]
    load: Load
    faults: Faults
    witness: Path
    deployed_at: datetime

    def jobs_of_type(self, job_type: str) -> list[ChaosJob]:
        """Triggered or continuous ones."""
        return [job for job in self.jobs if job.job_type == job_type]

    async def deploy_fleeting_jobs(self) -> None:
        """Whatever became of the last deletion and deployment of the load."""
        for job in self.jobs:
            if job.is_fleeting:
                await self.client.put_zip(job.job_type, job.name, job.files(1))

    async def events(self) -> list[Event]:
        """All events about the jobs of this round, in order."""
        names = {job.name for job in self.jobs}
        stream = await replay(self.stack.nats_url, passes_over_garbage=True)
        return [event for _, event in stream if getattr(event, "job_name", "") in names]

    def seen_by_scripts(self, job: ChaosJob) -> Mapping[str, Counter[str]]:
        """How often scripts of each run wrote down that they `start`, `wrote` their lines, and `end`."""
        file = self.witness / f"{job.name}.starts"
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for line in file.read_text().splitlines() if file.exists() else []:
            what, run_id, _pid = line.split()
            seen[what][run_id] += 1
        return seen


@dataclass(frozen=True, slots=True)
class JobEvents:
    """The events of one triggered job."""

    runs: Mapping[str, Sequence[RunEvent]]
    ticks: Sequence[ScheduleTicked]

    @property
    def final(self) -> dict[str, RunEnded]:
        """The last final event of each run that has one."""
        return {e.run_id: e for events in self.runs.values() for e in events if isinstance(e, RunEnded)}


def events_by_job(events: Sequence[Event]) -> dict[str, JobEvents]:
    """Events of runs and schedules, sorted."""
    runs: dict[str, dict[str, list[RunEvent]]] = defaultdict(lambda: defaultdict(list))
    ticks: dict[str, list[ScheduleTicked]] = defaultdict(list)
    for event in events:
        if isinstance(event, RunEvent):
            runs[event.job_name][event.run_id].append(event)
        elif isinstance(event, ScheduleTicked):
            ticks[event.job_name].append(event)
    return {name: JobEvents(runs[name], ticks[name]) for name in {*runs, *ticks}}
