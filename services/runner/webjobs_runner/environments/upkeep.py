"""Removes environments and downloads that nothing needs, and has changed environments built again."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from webjobs_environments.file_locks import try_lock
from webjobs_environments.folders import delete
from webjobs_environments.language import Languages
from webjobs_events.jetstream import Definitions
from webjobs_events.job import JobDefinition

from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.report import EnvironmentsState, Stored
from webjobs_runner.log import logger

KEEP_SECONDS = 24 * 3600.0
"""That an environment stays which nothing needs."""

_PERIOD = 3600.0  # seconds
_LEAST_PAUSE = 1.0  # seconds from a build to a look at the cache: builds come in groups
_LEFTOVER_SECONDS = 3600.0  # longer than any build


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look at the disk has found."""

    removed: int
    changed: frozenset[str]  # digests of locks
    stored: Stored
    cache_bytes: int


class Upkeep:
    """Works at the start of a runner and every hour; runners that share a folder do not disturb each other.

    Args:
        definitions: What is needed.
        environments: Of this runner.
        languages: Where they lie, and what knows whether one is as it was built.
        most_cache_bytes: That downloads may have together.
        state: What the heartbeat says of environments.
    """

    def __init__(
        self,
        definitions: Definitions,
        environments: Environments,
        languages: Languages,
        most_cache_bytes: int,
        state: EnvironmentsState,
    ) -> None:
        self._definitions = definitions
        self._environments = environments
        self._languages = languages
        self._most_cache_bytes = most_cache_bytes
        self._state = state
        self._built = asyncio.Event()
        self._look_seconds = 0.0  # that the last look at the cache took
        environments.on_build(self._built.set)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            work_at = time.monotonic() + _PERIOD
            try:
                await self.work()
            except OSError as error:
                logger.warning("environments not looked after", error=str(error))
            while (left := work_at - time.monotonic()) > 0:
                await self._after_builds(left)

    async def _after_builds(self, left: float) -> None:
        """Look at the cache of downloads after a build, or return when `left` seconds are over.

        The look goes over every file, so pauses between looks are a hundred times as long as one takes.
        """
        try:
            async with asyncio.timeout(left):
                await self._built.wait()
                await asyncio.sleep(max(_LEAST_PAUSE, 100 * self._look_seconds))
        except TimeoutError:
            return
        self._built.clear()
        try:
            self._state.cache_measured(await asyncio.to_thread(self._bounded_cache))
        except OSError as error:
            logger.warning("cache of packages not looked after", error=str(error))

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
        self._built.clear()
        looked = await asyncio.to_thread(self._look, kept, set(needed))
        self._state.cache_measured(looked.cache_bytes)
        self._state.measured(looked.stored)
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
        return _Looked(removed, frozenset(changed), Stored(count, size), self._bounded_cache())

    def _bounded_cache(self) -> int:
        """Remove the cache of downloads when it is too large and no build uses it; returns its bytes."""
        folders = self._languages.python.folders
        cache, began = folders.cache, time.monotonic()
        size = _size_of(cache)
        self._look_seconds = time.monotonic() - began
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
