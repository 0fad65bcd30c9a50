"""Removes environments and downloads that nothing needs, and has changed environments built again."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Gauge
from webjobs_events.jetstream import Definitions
from webjobs_events.job import JobDefinition

from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.file_locks import try_lock
from webjobs_runner.environments.folders import delete
from webjobs_runner.environments.language import Languages
from webjobs_runner.log import logger

ENVIRONMENTS = Gauge("webjobs_runner_environments", "Environments with packages of jobs")
ENVIRONMENT_BYTES = Gauge("webjobs_runner_environment_bytes", "Size of all of them")
CACHE_BYTES = Gauge("webjobs_runner_package_cache_bytes", "Size of the downloaded packages")

KEEP_SECONDS = 24 * 3600.0
"""That an environment stays which nothing needs."""

_PERIOD = 3600.0  # seconds
_LEFTOVER_SECONDS = 3600.0  # longer than any build


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look at the disk has found."""

    removed: int
    changed: frozenset[str]  # digests of locks


class Upkeep:
    """Works at the start of a runner and every hour; runners that share a folder do not disturb each other.

    Args:
        definitions: What is needed.
        environments: Of this runner.
        languages: Where they lie, and what knows whether one is as it was built.
        most_cache_bytes: That downloads may have together.
    """

    def __init__(
        self,
        definitions: Definitions,
        environments: Environments,
        languages: Languages,
        most_cache_bytes: int,
    ) -> None:
        self._definitions = definitions
        self._environments = environments
        self._languages = languages
        self._most_cache_bytes = most_cache_bytes

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.work()
            except OSError as error:
                logger.warning("environments not looked after", error=str(error))
            await asyncio.sleep(_PERIOD)

    async def work(self) -> None:
        """Do once what is due.

        Raises:
            OSError: The disk does not work.
        """
        needed: dict[str, JobDefinition] = {}
        kept: set[str] = set()
        for _, definition in self._definitions.all():
            if definition.dependencies is not None:
                needed[definition.dependencies.lock_digest] = definition
            kept |= definition.kept_objects
        looked = await asyncio.to_thread(self._look, kept, set(needed))
        for lock_digest in looked.changed:
            self._environments.repair(needed[lock_digest])
        if looked.removed:
            logger.info("unused environments removed", number=looked.removed)

    def _look(self, kept: set[str], needed: set[str]) -> _Looked:
        removed, changed = 0, set()
        count = size = 0
        for language in self._languages.all:
            folders, now = language.folders, time.time()
            for leftover in folders.leftovers(now - _LEFTOVER_SECONDS):
                delete(leftover)
            for key in folders.keys():
                marker = folders.read_marker(key)
                lock_digest = marker.lock_digest if marker else ""
                current = self._environments.key_of(lock_digest)
                is_needed = lock_digest in kept and current in (None, key)
                if not is_needed and now - folders.used_at(key) > KEEP_SECONDS and folders.remove(key):
                    removed += 1
                elif marker is not None:
                    count += 1
                    size += marker.contents.bytes
                    if lock_digest in needed and current == key and language.builder.whole(key) is None:
                        changed.add(lock_digest)
        ENVIRONMENTS.set(count)
        ENVIRONMENT_BYTES.set(size)
        CACHE_BYTES.set(self._bounded_cache())
        return _Looked(removed, frozenset(changed))

    def _bounded_cache(self) -> int:
        """Remove the cache of downloads when it is too large and no build uses it; returns its bytes."""
        folders = self._languages.python.folders
        cache = folders.cache
        size = _size_of(cache)
        if size <= self._most_cache_bytes:
            return size
        descriptor = try_lock(folders.cache_lock)
        if descriptor is None:
            return size
        try:
            folders.discard(cache)  # environments are copies, and stay
        finally:
            os.close(descriptor)
        logger.info("cache of packages removed", bytes=size, limit=self._most_cache_bytes)
        return 0


def _size_of(folder: Path) -> int:
    size = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                size += os.lstat(f"{place}/{name}").st_size
            except FileNotFoundError:
                pass
    return size
