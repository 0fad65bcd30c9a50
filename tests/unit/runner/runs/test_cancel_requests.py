"""Cancel requests: each reaches the run that it is about, wherever that runs, and the first one counts."""

from typing import Any, cast

from support.commands import run_command
from support.memory_bucket import MemoryBus
from webjobs_events.cancel_request import CancelRequest
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.run_registry import Execution, RunRegistry

COMMAND = run_command()
JOB, RUN = COMMAND.job_name, COMMAND.run_id
REQUEST = CancelRequest(evidence="Cancelled by Ada.", requested_at=COMMAND.requested_at)
REPLACEMENT = CancelRequest(
    reason=Reason.REPLACED, evidence="Replaced by another run.", requested_at=COMMAND.requested_at
)


class Running:
    """The execution of an attempt: remembers why it was asked to end."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.asked: list[tuple[Reason, str]] = []

    def request_end(self, reason: Reason, evidence: str) -> None:
        self.asked.append((reason, evidence))


def requests_on(bus: MemoryBus, registry: RunRegistry | None = None) -> CancelRequests:
    return CancelRequests(cast(Any, bus), registry or RunRegistry())


async def test_a_request_reaches_the_run_where_it_runs_and_is_left_unhandled_elsewhere() -> None:
    bus, registry, run = MemoryBus(), RunRegistry(), Running(first_attempt(COMMAND))
    with registry.executing(cast(Execution, run)):
        async with requests_on(bus, registry) as here, requests_on(bus) as elsewhere:
            await elsewhere.make(JOB, RUN, REQUEST)
            assert run.asked == [(Reason.CANCELLED, "Cancelled by Ada.")]
            assert here.unhandled.empty()
            assert elsewhere.unhandled.get_nowait() == (JOB, RUN)


async def test_a_request_leaves_the_other_runs_of_its_job_alone() -> None:
    bus, registry, run = MemoryBus(), RunRegistry(), Running(first_attempt(COMMAND))
    with registry.executing(cast(Execution, run)):
        async with requests_on(bus, registry) as requests:
            other = RunId("202601020304060000")
            await requests.make(JOB, other, REQUEST)
            assert run.asked == []
            assert requests.unhandled.get_nowait() == (JOB, other)
            assert requests.of(JOB, RUN) is None


async def test_a_request_made_before_a_runner_starts_is_seen_by_it() -> None:
    bus = MemoryBus()
    await requests_on(bus).make(JOB, RUN, REQUEST)
    async with requests_on(bus) as requests:
        assert requests.of(JOB, RUN) == REQUEST
        assert requests.unhandled.get_nowait() == (JOB, RUN)


async def test_the_first_request_counts() -> None:
    bus = MemoryBus()
    async with requests_on(bus) as requests:
        await requests.make(JOB, RUN, REPLACEMENT)
        await requests.make(JOB, RUN, REQUEST)
        assert requests.of(JOB, RUN) == REPLACEMENT


async def test_a_request_for_an_attempt_ends_the_one_that_follows_it_too() -> None:
    bus = MemoryBus()
    first = first_attempt(COMMAND)
    second = first.after(RunId("202601020304060000"), None)
    third = second.after(RunId("202601020304070000"), None)
    async with requests_on(bus) as requests:
        await requests.make(JOB, RUN, REQUEST)
        assert requests.of_attempt(first) == requests.of_attempt(second) == REQUEST
        assert requests.of_attempt(third) is None


async def test_the_request_of_a_run_that_has_ended_is_dropped() -> None:
    bus = MemoryBus()
    async with requests_on(bus) as requests:
        await requests.drop(JOB, RUN)  # there is none: nothing happens
        await requests.make(JOB, RUN, REQUEST)
        await requests.drop(JOB, RUN)
        assert requests.of(JOB, RUN) is None
        assert bus.leases.entries == {}


async def test_requests_that_cannot_be_read_are_left_alone() -> None:
    bus = MemoryBus()
    async with requests_on(bus) as requests:
        await bus.leases.create("cancel.of.no.run", b"{}")
        await bus.leases.create(bus.subjects.cancel_key(JobName("other"), RUN), b"garbage")
        assert requests.of(JobName("other"), RUN) is None
        assert requests.unhandled.get_nowait() == (JobName("other"), RUN)
        assert requests.unhandled.empty()
        assert len(bus.leases.entries) == 2
