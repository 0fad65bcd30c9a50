"""Which versions of a job are remembered, and which of their packages are kept."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.definitions import job_definition
from webjobs_events.job import JobVersion
from webjobs_runner.domain.version_list import MAX_EARLIER_BYTES, MAX_VERSIONS, with_version

AT = datetime(2026, 1, 1, tzinfo=UTC)


def version(digest: str, **facts: Any) -> JobVersion:
    return JobVersion(digest=digest, script="run.sh", deployed_at=AT, **facts)


def deployed(*digests: str, most: int = 10, **facts: Any) -> list[JobVersion]:
    versions: list[JobVersion] = []
    for digest in digests:
        versions = with_version(versions, version(digest, **facts), most)
    return versions


def names(versions: list[JobVersion]) -> str:
    return "".join(each.digest for each in versions)


def test_the_newest_is_first_and_one_that_comes_back_moves_to_the_front() -> None:
    assert names(deployed("a", "b", "c")) == "cba"
    assert names(deployed("a", "b", "c", "a")) == "acb"


def test_the_same_files_once_more_are_the_version_that_is_there() -> None:
    first = deployed("a", deployed_by="Ann")
    assert with_version(first, version("a", deployed_by="Bob"), 10) == first


def test_of_older_versions_only_the_facts_are_left() -> None:
    versions = deployed("a", "b", "c", most=2, settings={"schedule": "0 0 2 * * *"}, env_names=["KEY"])
    assert [(each.digest, each.is_kept, bool(each.settings)) for each in versions] == [
        ("c", True, True),
        ("b", True, True),
        ("a", False, False),
    ]
    assert versions[2].env_names == []


def test_a_package_that_went_does_not_come_back_with_a_larger_setting() -> None:
    few = deployed("a", "b", "c", most=1)
    assert [each.is_kept for each in with_version(few, version("d"), 10)] == [True, True, False, False]
    assert [each.is_kept for each in with_version(few, version("a"), 10)] == [True, True, False]


def test_large_earlier_versions_are_not_kept() -> None:
    half = MAX_EARLIER_BYTES // 2
    versions = deployed("a", "b", "c", "d", "e", size=half)
    assert [each.is_kept for each in versions] == [True, True, True, False, False]
    assert [each.is_kept for each in deployed("a", "b", size=MAX_EARLIER_BYTES + 1)] == [True, False]


@given(st.lists(st.integers(0, 80), max_size=200), st.integers(1, 50))
def test_the_list_is_bounded_and_names_each_version_once(digests: list[int], most: int) -> None:
    versions = deployed(*(str(each) for each in digests), most=most)
    assert len(versions) <= MAX_VERSIONS
    assert len({each.digest for each in versions}) == len(versions)
    assert sum(each.is_kept for each in versions) <= most
    assert not versions or (versions[0].digest == str(digests[-1]) and versions[0].is_kept)


def test_a_definition_of_an_earlier_release_knows_its_present_version() -> None:
    definition = job_definition(digest="d1")
    (known,) = definition.known_versions
    assert (known.digest, known.files, known.deployed_at) == ("d1", None, definition.changed_at)
    assert definition.kept_packages == {"d1"}
    assert names(with_version(definition.known_versions, version("e"), 10)) == "ed1"
