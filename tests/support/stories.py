"""Events for tests of history: single ones, whole runs, and long random histories with every fault."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from webjobs_events.events import (
    Acknowledged,
    AcknowledgementWithdrawn,
    ContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
    Covered,
    Deleted,
    Deployed,
    Event,
    InstanceEvent,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
    Purged,
    Removed,
    RunAborted,
    RunFailed,
    RunInitializing,
    RunRunning,
    RunSuccess,
    Term,
)
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId, run_id_at
from webjobs_rules.status import Reason

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BOOT_A, BOOT_B = "202603010000000000", "202603020000000000"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Run:
    """One run and the events of its life; numbers are seconds after T0."""

    def __init__(self, number: int, job: str = "job", *, attempt: int = 1, instance: str = "aaaaaa") -> None:
        self.run_id = run_id_at(at(number))
        self.job = JobName(job)
        self._facts: dict[str, Any] = {
            "job_name": self.job,
            "run_id": self.run_id,
            "attempt": attempt,
            "trigger": "External - curl/8.5",
            "digest": "d1",
            "requested_at": at(number),
            "instance": instance,
        }

    def initializing(self, seconds: float = 0, **facts: Any) -> RunInitializing:
        return RunInitializing(at=at(seconds), **self._facts | facts)

    def running(self, seconds: float = 1, **facts: Any) -> RunRunning:
        return RunRunning(at=at(seconds), script="run.sh", **self._facts | facts)

    def success(self, seconds: float = 2, **facts: Any) -> RunSuccess:
        return self._ended(RunSuccess, seconds, {"reason": Reason.EXIT_CODE, "exit_code": 0} | facts)

    def failed(self, seconds: float = 2, **facts: Any) -> RunFailed:
        return self._ended(RunFailed, seconds, {"reason": Reason.EXIT_CODE, "exit_code": 3} | facts)

    def aborted(self, seconds: float = 2, **facts: Any) -> RunAborted:
        return self._ended(RunAborted, seconds, {"reason": Reason.RUNNER_LOST} | facts)

    def _ended(self, kind: Callable[..., Any], seconds: float, facts: dict[str, Any]) -> Any:
        return kind(at=at(seconds), **self._facts | {"started_at": None} | facts)

    def whole(self) -> list[Event]:
        return [self.initializing(), self.running(), self.success()]


class Instance:
    """A continuous job on one instance, counting its events."""

    def __init__(self, instance: str = "aaaaaa", job: str = "job", boot: str = BOOT_A) -> None:
        self._facts: dict[str, Any] = {
            "instance": instance,
            "job_name": JobName(job),
            "boot": boot,
            "digest": "d1",
        }
        self._sequence = 0

    def _event(self, kind: Callable[..., Any], seconds: float, **facts: Any) -> Any:
        self._sequence += 1
        return kind(at=at(seconds), **{"sequence": self._sequence} | self._facts | facts)

    def initializing(self, seconds: float = 0, **facts: Any) -> ContinuousEvent:
        return self._event(ContinuousInitializing, seconds, **facts)

    def starting(self, seconds: float = 1, **facts: Any) -> ContinuousEvent:
        return self._event(ContinuousStarting, seconds, **facts)

    def running(self, seconds: float = 2, **facts: Any) -> ContinuousEvent:
        return self._event(ContinuousRunning, seconds, script="run.sh", **facts)

    def pending_restart(self, seconds: float = 3, **facts: Any) -> ContinuousEvent:
        ended = {"reason": Reason.EXIT_CODE, "exit_code": 1, "restart_delay_seconds": 60.0}
        return self._event(ContinuousPendingRestart, seconds, **ended | facts)

    def stopping(self, seconds: float = 4, **facts: Any) -> ContinuousEvent:
        return self._event(
            ContinuousStopping, seconds, **{"reason": Reason.STOPPED, "grace_seconds": 5.0} | facts
        )

    def stopped(self, seconds: float = 5, **facts: Any) -> ContinuousEvent:
        return self._event(ContinuousStopped, seconds, **{"reason": Reason.STOPPED} | facts)

    def inactive(self, seconds: float = 1, **facts: Any) -> ContinuousEvent:
        return self._event(ContinuousInactiveInstance, seconds, **{"held_by": "bbbbbb"} | facts)


def runner(kind: type[InstanceEvent], about: str = "aaaaaa", boot: str = BOOT_A, seconds: float = 9) -> Any:
    return kind(at=at(seconds), instance="cccccc", about_instance=about, boot=boot)


def deleted(job: str = "job", job_type: JobType = JobType.TRIGGERED, revision: int = 7) -> Deleted:
    return Deleted(
        at=at(9),
        instance="aaaaaa",
        job_type=job_type,
        job_name=JobName(job),
        revision=revision,
        cause="c",
    )


def removed(job: str = "job", job_type: JobType = JobType.TRIGGERED, revision: int = 7) -> Removed:
    return Removed(
        at=at(9),
        instance="aaaaaa",
        job_type=job_type,
        job_name=JobName(job),
        revision=revision,
        cause="c",
    )


def purged(run_ids: list[RunId], job: str = "job") -> Purged:
    return Purged(at=at(9), instance="history", job_name=JobName(job), run_ids=run_ids, limit=1)


def acknowledged(number: int, job: str = "job", kind: str = "failed", **facts: Any) -> Acknowledged:
    covers = [Covered(kind=kind, evidence="exit_code 1", text="Exit code 1.")]
    return Acknowledged(**(_acknowledgement(number, job) | {"covers": covers} | facts))


def withdrawn(number: int, job: str = "job", **facts: Any) -> AcknowledgementWithdrawn:
    return AcknowledgementWithdrawn(**(_acknowledgement(number, job) | facts))


def _acknowledgement(number: int, job: str) -> dict[str, Any]:
    return {
        "at": at(number),
        "instance": "api",
        "job_type": JobType.TRIGGERED,
        "job_name": JobName(job),
        "acknowledgement_id": f"a{number}",
        "by": "ada",
    }


def random_history(seed: int, length: int) -> list[Event]:
    """Events of a few jobs and runners in every order, sensible or not: repeats, late and lost ones too."""
    random = Random(seed)
    jobs = ["a", "b", "ü ber"]
    runs = [Run(number, job) for job in jobs for number in range(8)]
    instances = [Instance(name, job) for name in ("aaaaaa", "bbbbbb") for job in jobs]
    events: list[Event] = []
    stories: list[Iterator[Event]] = []
    while len(events) < length:
        if not stories or random.random() < 0.3:
            stories.append(iter(_random_story(random, runs, instances, jobs)))
        story = random.choice(stories)
        event = next(story, None)
        if event is None:
            stories.remove(story)
            continue
        events.append(event)
        if random.random() < 0.1:
            events.append(random.choice(events[-20:]))
    return events[:length]


def _random_story(random: Random, runs: list[Run], instances: list[Instance], jobs: list[str]) -> list[Event]:
    second = random.randrange(-5, 100)
    run, instance, job = random.choice(runs), random.choice(instances), random.choice(jobs)
    end = random.choice([run.success, run.failed, run.aborted])
    kind = random.choice(list(JobType))
    given = random.randrange(5)
    acknowledgement = acknowledged(
        given, job, random.choice(["failed", "refused"]), job_type=kind, until=at(second), term=Term.INSTANT
    )
    other_boot = {"boot": random.choice([BOOT_A, BOOT_B])}
    stories: list[list[Event]] = [
        [run.initializing(second), run.running(second + 1), end(second + random.randrange(-2, 9))],
        [run.initializing(second), end(second + 1)],
        [run.running(second), end(second)],
        [instance.initializing(second), instance.starting(), instance.running(), instance.pending_restart()],
        [instance.initializing(second, **other_boot), instance.inactive(), instance.starting()],
        [instance.stopping(second), instance.stopped()],
        [purged([each.run_id for each in random.sample(runs, 4)], job)],
        [acknowledgement],
    ]
    rare: list[list[Event]] = [
        [deleted(job, kind, second)],
        [removed(job, kind, second)],
        [runner(random.choice([InstanceStarted, InstanceLost, InstanceStopped]), **other_boot)],
        [_deployed(job, kind)],
        [acknowledgement, withdrawn(given, job, job_type=kind)],
    ]
    return random.choice(rare if random.random() < 0.1 else stories)


def _deployed(job: str, job_type: JobType) -> Deployed:
    return Deployed(
        at=at(0),
        instance="aaaaaa",
        job_type=job_type,
        job_name=JobName(job),
        revision=1,
        cause="c",
        digest="d1",
        script="run.sh",
        settings={},
        disabled=False,
    )
