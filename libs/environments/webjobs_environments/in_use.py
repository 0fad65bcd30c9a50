"""Which environments the scripts of this process use: a shared lock on each, as long as one does."""

import os
from dataclasses import dataclass
from functools import partial

from webjobs_environments.file_locks import try_lock
from webjobs_environments.folders import EnvironmentFolders
from webjobs_environments.held_environment import HeldEnvironment


@dataclass(slots=True)
class _Use:
    descriptor: int
    users: int = 0


class UsedEnvironments:
    """Holds the locks, which the kernel frees when this process dies; a launcher then ends its scripts."""

    def __init__(self, folders: EnvironmentFolders, *, is_node: bool) -> None:
        self._folders = folders
        self._is_node = is_node
        self._used: dict[str, _Use] = {}

    def hold(self, key: str) -> HeldEnvironment | None:
        """Use an environment until `release`; None when it is not there, damaged, or being deleted.

        Costs the lock of a file for its first user, and a `stat` of marker and program for each.
        """
        use = self._used.get(key)
        if use is None:
            if not self._folders.root.is_dir():
                return None
            descriptor = try_lock(self._folders.use_lock(key), shared=True)
            if descriptor is None:
                return None
            use = self._used[key] = _Use(descriptor)
        use.users += 1
        folder = str(self._folders.folder(key))
        if not (
            os.path.exists(self._folders.marker(key))
            and os.access(f"{folder}/{self._folders.program}", os.X_OK)
        ):
            self._release(key)
            return None
        return HeldEnvironment(folder, partial(self._release, key), self._is_node)

    def _release(self, key: str) -> None:
        use = self._used[key]
        use.users -= 1
        if not use.users:
            del self._used[key]
            os.utime(use.descriptor)  # when it was used last
            os.close(use.descriptor)
