"""Claims: one runner owns a command, its attempts follow each other, and what is settled stays settled."""

from datetime import UTC, datetime
from typing import Any, cast

from support.commands import run_command
from support.memory_bucket import MemoryBus
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.domain.claim import UNKNOWN_INSTANCE
from webjobs_runner.instance import Instance
from webjobs_runner.runs.claims import ClaimedRun, Claims
from webjobs_runner.runs.run_journal import UnfinishedRun

COMMAND = run_command()
JOB, RUN = COMMAND.job_name, COMMAND.run_id
NEXT = first_attempt(COMMAND).after(RunId("202601020304060000"), datetime(2026, 1, 2, 3, 5, tzinfo=UTC))
BEGUN = UnfinishedRun(command=COMMAND, digest="d", initialized_at=COMMAND.requested_at, after=7)


def claims_of(bus: MemoryBus, instance_id: str, boot: str = "1") -> Claims:
    return Claims(cast(Any, bus), Instance(instance_id, boot))


async def claim_in(claims: Claims) -> ClaimedRun:
    found = await claims.read(JOB, RUN)
    assert found is not None
    return found


async def test_a_claim_of_another_runner_is_not_taken() -> None:
    bus = MemoryBus()
    one, other = claims_of(bus, "aaaaaa"), claims_of(bus, "bbbbbb")
    assert await one.take(COMMAND, 7)
    assert not await other.take(COMMAND, 9)
    found = await claim_in(other)
    assert (found.claim.instance, found.claim.after) == ("aaaaaa", 7)
    assert one.is_own(found.claim) and not other.is_own(found.claim)
    assert found.claim.attempt_of(COMMAND) == first_attempt(COMMAND)


async def test_a_claim_of_an_earlier_start_of_the_runner_is_not_its_own() -> None:
    bus = MemoryBus()
    assert await claims_of(bus, "aaaaaa", "1").take(COMMAND, 7)
    restarted = claims_of(bus, "aaaaaa", "2")
    found = await claim_in(restarted)
    assert not restarted.is_own(found.claim)
    assert await restarted.of_instance("aaaaaa") == [found]


async def test_a_settled_claim_is_neither_taken_nor_written_again() -> None:
    bus = MemoryBus()
    claims = claims_of(bus, "aaaaaa")
    assert await claims.take(COMMAND, 7)
    await claims.drop(JOB, RUN)
    assert not await claims.take(COMMAND, 7)
    await claims.write_again(BEGUN, 9)
    assert await claims.read(JOB, RUN) is None


async def test_a_claim_lost_with_its_bucket_is_written_again_and_not_taken_by_another() -> None:
    bus = MemoryBus()
    owner = claims_of(bus, "aaaaaa")
    assert await owner.take(COMMAND, 7)
    bus.leases.lose()
    await owner.write_again(BEGUN, reached=3)
    assert not await claims_of(bus, "bbbbbb").take(COMMAND, 9)
    found = await claim_in(owner)
    assert owner.is_own(found.claim)
    assert found.claim.after == 3, "the new stream of events is shorter than the lost one was"


async def test_a_claim_that_another_runner_has_made_since_is_not_written_over() -> None:
    bus = MemoryBus()
    assert await claims_of(bus, "bbbbbb").take(COMMAND, 9)
    await claims_of(bus, "aaaaaa").write_again(BEGUN, 9)
    assert (await claim_in(claims_of(bus, "aaaaaa"))).claim.instance == "bbbbbb"


async def test_the_next_attempt_waits_without_an_owner_and_is_taken_by_one_runner() -> None:
    bus = MemoryBus()
    one, other = claims_of(bus, "aaaaaa"), claims_of(bus, "bbbbbb")
    assert await one.take(COMMAND, 7)
    assert await one.let_wait(await claim_in(one), NEXT, 9)
    waiting = await claim_in(other)
    assert waiting.claim.is_waiting and waiting.claim.attempt_of(COMMAND) == NEXT
    assert await other.take_waiting(waiting, COMMAND, 11)
    assert not await one.take_waiting(waiting, COMMAND, 11)
    taken = await claim_in(one)
    assert other.is_own(taken.claim) and taken.claim.attempt_of(COMMAND) == NEXT


async def test_a_claim_that_has_changed_since_it_was_read_does_not_wait() -> None:
    bus = MemoryBus()
    one = claims_of(bus, "aaaaaa")
    assert await one.take(COMMAND, 7)
    read_before = await claim_in(one)
    assert await one.let_wait(read_before, NEXT, 9)
    assert not await one.let_wait(read_before, NEXT.after(RunId("202601020304070000"), None), 9)


async def test_a_claim_is_found_by_its_attempt_and_while_that_waits_by_the_one_before() -> None:
    bus = MemoryBus()
    claims = claims_of(bus, "aaaaaa")
    assert await claims.take(COMMAND, 7)
    assert await claims.of_attempt(JOB, RUN) == await claim_in(claims)
    assert await claims.let_wait(await claim_in(claims), NEXT, 9)
    waiting = await claim_in(claims)
    assert await claims.of_attempt(JOB, RUN) == waiting == await claims.of_attempt(JOB, NEXT.run_id)
    assert await claims.take_waiting(waiting, COMMAND, 11)
    assert await claims.of_attempt(JOB, RUN) is None
    assert await claims.of_attempt(JobName("other"), NEXT.run_id) is None


async def test_an_unreadable_claim_is_that_of_a_lost_runner() -> None:
    bus = MemoryBus()
    await bus.leases.create(bus.subjects.claim_key(JOB, RUN), b"garbage")
    await bus.leases.create("claim.of.too.many.tokens", b"{}")
    claims = claims_of(bus, "aaaaaa")
    assert (await claim_in(claims)).claim.instance == UNKNOWN_INSTANCE
    assert await claims.of_instance("aaaaaa") == []
