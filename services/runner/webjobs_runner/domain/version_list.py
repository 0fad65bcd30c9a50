"""The versions of a job that are remembered, and those of them whose packages are kept."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace
from webjobs_events.job import JobVersion

MAX_VERSIONS = 50
"""That are remembered of a job, with or without their packages."""

MAX_EARLIER_BYTES = 512 * 1024 * 1024
"""Of the files of a job's earlier versions together: the packages of older ones are not kept."""


def with_version(before: Sequence[JobVersion], new: JobVersion, most_packages: int) -> list[JobVersion]:
    """The versions of a job after one was deployed, that one first.

    A version that was deployed before moves to the front. The same files once more change nothing.

    Args:
        before: The versions until now, the present one first.
        new: The version that is deployed.
        most_packages: How many packages are kept at most, that of the new version included.
    """
    if before and before[0].digest == new.digest:
        first, earlier = replace(before[0], is_kept=True, dependencies=new.dependencies), before[1:]
    else:
        first, earlier = new, [each for each in before if each.digest != new.digest]
    return [first, *_bounded(earlier[: MAX_VERSIONS - 1], most_packages - 1)]


def _bounded(earlier: Sequence[JobVersion], most_packages: int) -> Iterator[JobVersion]:
    room = MAX_EARLIER_BYTES
    for place, each in enumerate(earlier):
        room -= each.size
        is_kept = each.is_kept and place < most_packages and room >= 0
        yield each if is_kept else _without_package(each)


def _without_package(version: JobVersion) -> JobVersion:
    return replace(
        version,
        is_kept=False,
        settings={},
        env_names=[],
        env_digest=None,
        is_abridged=False,
        dependencies=None,
    )
