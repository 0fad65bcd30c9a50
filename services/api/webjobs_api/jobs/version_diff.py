"""Compares versions of a job: fetches their packages, and compares them in a thread."""

import asyncio
import tempfile
from collections import OrderedDict
from pathlib import Path

import msgspec
from aiohttp import web
from webjobs_events.jetstream import Bus, ObjectNotFound
from webjobs_events.job import JobDefinition, JobVersion

from webjobs_api.http import request_context
from webjobs_api.http.job_errors import VersionGone
from webjobs_api.jobs.package_diff import FileChange, PackageDiff, PackageUnreadable, package_diff
from webjobs_api.jobs.settings_diff import SettingChange, settings_diff
from webjobs_api.jobs.versions import definition_now, version_named

_MAX_BYTES = 256 * 1024 * 1024  # of the files of a version that is compared
_AT_ONCE = 2  # comparisons, each of which has two packages on the disk
_REMEMBERED = 8  # results; the packages behind a digest never change

_NO_FILES = PackageDiff([], 0)

AGAINST = "against"


class VersionDiffJson(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two versions of a job.

    Attributes:
        digest: Names the version.
        against: Names the version that it is compared with; null when there is none before it.
        files: The files that differ, by path.
        settings: The keys of `settings.job` that differ: as they were when the versions were deployed.
        left_out: What is not shown, as sentences.
    """

    digest: str
    against: str | None
    files: list[FileChange]
    settings: list[SettingChange]
    left_out: list[str]


class VersionDiffs:
    """Differences of packages."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._known: OrderedDict[tuple[str | None, str], PackageDiff] = OrderedDict()

    async def diff(self, definition: JobDefinition, version: JobVersion, against: str) -> VersionDiffJson:
        """Compare a version with another one.

        Args:
            definition: Of the job.
            version: One of its versions.
            against: Names the other one; empty: the one before.

        Raises:
            VersionNotFound: The job has no such other version.
            VersionGone: The files of the version, or of the other one that is named, are not kept.
            BusUnavailable: NATS does not answer.
        """
        other = version_named(definition, against) if against else _before(definition, version)
        files, left_out = await self._files_or_why_not(version, other, is_named=bool(against))
        if files.left_out:
            left_out.append(f"{files.left_out:,} more files differ.")
        settings: list[SettingChange] = []
        if other is not None and other.is_kept:
            settings = settings_diff(other, version)
            if version.is_abridged or other.is_abridged:
                left_out.append("Of the settings only a part is compared: they are large.")
        return VersionDiffJson(
            digest=version.digest,
            against=other.digest if other else None,
            files=files.files,
            settings=settings,
            left_out=left_out,
        )

    async def _files_or_why_not(
        self, version: JobVersion, other: JobVersion | None, *, is_named: bool
    ) -> tuple[PackageDiff, list[str]]:
        """The files that differ, and sentences that say why they are not compared."""
        if not (version.is_kept and await self._bus.packages.exists(version.digest)):
            raise VersionGone(version.digest)
        if max(version.size, other.size if other else 0) > _MAX_BYTES:
            return _NO_FILES, [f"The files are not compared: they have more than {_MAX_BYTES >> 20} MB."]
        try:
            if other is not None and not other.is_kept:
                raise VersionGone(other.digest)
            return await self._files(other.digest if other else None, version.digest), []
        except VersionGone as gone:
            if is_named or other is None or gone.digest != other.digest:
                raise
            return _NO_FILES, [
                f"The files of the version before, {other.digest[:12]}, are not kept any more."
            ]

    async def _files(self, before: str | None, after: str) -> PackageDiff:
        known = self._known.get((before, after))
        if known is None:
            async with self._turns:
                known = await self._compared(before, after)
            self._known[before, after] = known
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known

    async def _compared(self, before: str | None, after: str) -> PackageDiff:
        with tempfile.TemporaryDirectory(prefix="webjobs-diff-", ignore_cleanup_errors=True) as folder:
            old = await self._fetched(before, Path(folder, "before")) if before else None
            new = await self._fetched(after, Path(folder, "after"))
            try:
                return await asyncio.to_thread(package_diff, old, new)
            except PackageUnreadable as error:
                raise VersionGone(after) from error

    async def _fetched(self, digest: str, path: Path) -> Path:
        try:
            await self._bus.packages.fetch(digest, path)
        except ObjectNotFound as error:
            raise VersionGone(digest) from error
        return path


VERSION_DIFFS = web.AppKey("version_diffs", VersionDiffs)


async def get_diff(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/versions/{digest}/diff`: against the version before, or another one."""
    definition = await definition_now(request)
    version = version_named(definition, request.match_info["digest"])
    found = await request.app[VERSION_DIFFS].diff(definition, version, request.query.get(AGAINST, ""))
    return request_context.json(found)


def _before(definition: JobDefinition, version: JobVersion) -> JobVersion | None:
    versions = definition.known_versions
    place = versions.index(version) + 1
    return versions[place] if place < len(versions) else None
