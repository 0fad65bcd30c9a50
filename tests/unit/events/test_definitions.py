"""The mirror of definitions: what it keeps, whom it calls, and how a definition is changed."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace
from support.definitions import job_definition
from webjobs_events.definition import encode_definition
from webjobs_events.errors import RevisionConflict, UnreadableDefinition
from webjobs_events.jetstream import Definitions, Entry, JobKey
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType

NIGHTLY = job_definition("nightly", digest="a")
KEY: JobKey = (JobType.TRIGGERED, JobName("nightly"))
STORED_KEY = "triggered.nightly"


class Jobs:
    """A bus and its bucket of definitions, in which others write `conflicts` times before each write."""

    name = "jobs"

    def __init__(self, stored: bytes | None = None, conflicts: int = 0) -> None:
        self.jobs = self
        self.entry = Entry(stored, 1) if stored is not None else None
        self.conflicts = conflicts

    def mirror(self, on_change: Callable[[str, Entry | None], None], *, restore: bool) -> None:
        self.changed = on_change

    async def get(self, _key: str) -> Entry | None:
        return self.entry

    async def create(self, key: str, value: bytes) -> int:
        return await self.update(key, value, 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        now = self.entry.revision if self.entry else 0
        if self.conflicts:
            self.conflicts -= 1
            self.entry = Entry(value, now + 1)
        if revision != (self.entry.revision if self.entry else 0):
            raise RevisionConflict(key)
        self.entry = Entry(value, revision + 1)
        return revision + 1


def followed(jobs: Jobs) -> tuple[Definitions, list[JobDefinition | None], list[str]]:
    """Definitions over a bucket, with the changes and the faults that listeners got."""
    changes: list[JobDefinition | None] = []
    faults: list[str] = []
    definitions = Definitions(cast(Any, jobs))
    definitions.on_change(lambda _key, definition: changes.append(definition))
    definitions.on_unreadable(lambda fault: faults.append(fault.job_name))
    return definitions, changes, faults


def test_a_definition_is_kept_until_it_is_removed() -> None:
    jobs = Jobs()
    definitions, changes, _ = followed(jobs)
    jobs.changed(STORED_KEY, Entry(encode_definition(NIGHTLY), 1))
    assert definitions.get(*KEY) == NIGHTLY and list(definitions.all()) == [(KEY, NIGHTLY)]
    jobs.changed(STORED_KEY, None)
    assert definitions.get(*KEY) is None and changes == [NIGHTLY, None]


def test_one_that_becomes_unreadable_stays_as_it_was_with_its_fault_until_it_is_replaced() -> None:
    jobs = Jobs()
    definitions, changes, faults = followed(jobs)
    jobs.changed(STORED_KEY, Entry(encode_definition(NIGHTLY), 1))
    jobs.changed(STORED_KEY, Entry(b"{", 2))
    assert definitions.get(*KEY) == NIGHTLY and definitions.fault_of(KEY) is not None
    assert changes == [NIGHTLY] and faults == ["nightly"]
    jobs.changed(STORED_KEY, Entry(encode_definition(NIGHTLY), 3))
    assert definitions.fault_of(KEY) is None and changes == [NIGHTLY, NIGHTLY]


def test_a_key_that_names_no_job_calls_nobody() -> None:
    jobs = Jobs()
    definitions, changes, faults = followed(jobs)
    jobs.changed("triggered", Entry(encode_definition(NIGHTLY), 1))
    assert (list(definitions.all()), changes, faults) == ([], [], [])


async def test_a_change_is_decided_again_after_each_conflict() -> None:
    jobs = Jobs(encode_definition(NIGHTLY), conflicts=2)
    seen: list[JobDefinition | None] = []

    def decide(now: JobDefinition | None) -> JobDefinition:
        seen.append(now)
        return replace(NIGHTLY, digest="b")

    changed = await followed(jobs)[0].change(*KEY, decide)
    assert changed == (replace(NIGHTLY, digest="b"), 4, True) and len(seen) == 3


def of_a_later_release(**facts: Any) -> bytes:
    """A stored definition with fields that this release does not know."""
    version = {"digest": "a", "script": "run.sh", "deployed_at": "2026-01-02T03:04:05Z"}
    older = {**version, "digest": "z", "later": "of z"}
    known = json.loads(encode_definition(replace(NIGHTLY, **facts)))
    return json.dumps(
        known | {"later": {"x": [1]}, "versions": [version | {"later": "of a"}, older]}
    ).encode()


async def test_a_change_keeps_what_a_later_release_has_written() -> None:
    jobs = Jobs(of_a_later_release())
    await followed(jobs)[0].change(*KEY, lambda now: now and replace(now, settings={"timeout": 5}))
    assert jobs.entry is not None
    stored = json.loads(jobs.entry.value)
    assert (stored["settings"], stored["later"]) == ({"timeout": 5}, {"x": [1]})
    assert [each["later"] for each in stored["versions"]] == ["of a", "of z"]


async def test_what_a_later_release_has_written_about_other_files_is_not_kept_for_new_ones() -> None:
    jobs = Jobs(of_a_later_release())

    def deploy(now: JobDefinition | None) -> JobDefinition:
        assert now is not None
        version = replace(now.versions[0], digest="b")
        return replace(now, digest="b", versions=[version, *now.versions])

    await followed(jobs)[0].change(*KEY, deploy)
    assert jobs.entry is not None
    stored = json.loads(jobs.entry.value)
    assert "later" not in stored
    assert [each.get("later") for each in stored["versions"]] == [None, "of a", "of z"]


async def test_a_change_that_always_meets_another_one_gives_up() -> None:
    jobs = Jobs(encode_definition(NIGHTLY), conflicts=1000)
    with pytest.raises(RevisionConflict):
        await followed(jobs)[0].change(*KEY, lambda _: NIGHTLY)


@pytest.mark.parametrize("stored", [encode_definition(NIGHTLY), None])
async def test_a_change_that_wants_nothing_writes_nothing(stored: bytes | None) -> None:
    jobs = Jobs(stored)
    assert await followed(jobs)[0].change(*KEY, lambda _: None) == ((NIGHTLY, 1, False) if stored else None)
    assert jobs.entry == (Entry(stored, 1) if stored else None)


@pytest.mark.parametrize(
    "stored", [b"{", b'{"versions": 1}', b'{"versions": [{"digest": [], "later": 1}, 2]}']
)
async def test_an_unreadable_definition_is_replaced_or_reported(stored: bytes) -> None:
    definitions, _, _ = followed(Jobs(stored))
    with pytest.raises(UnreadableDefinition):
        await definitions.change(*KEY, lambda _: None)
    assert await definitions.readable(*KEY) is None
    assert await definitions.change(*KEY, lambda _: NIGHTLY) == (NIGHTLY, 2, True)
