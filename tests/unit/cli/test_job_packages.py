"""What `webjobs exec` removes of its cache, and that this never keeps a job from running."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from webjobs_cli.job_packages import _remove_unused
from webjobs_environments.folders import EnvironmentFolders


class SharedFolders(EnvironmentFolders):
    """A folder in which the environment `a` belongs to another user."""

    def remove(self, key: str) -> bool:
        if key == "a":
            raise PermissionError(13, "Permission denied", str(self.use_lock(key)))
        return super().remove(key)


@dataclass
class OneLanguage:
    folders: EnvironmentFolders

    @property
    def all(self) -> list["OneLanguage"]:
        return [self]


def test_what_cannot_be_removed_is_left(tmp_path: Path) -> None:
    folders = SharedFolders(tmp_path, "bin/python")
    for key in ("a", "b", "c"):
        folders.folder(key).mkdir()
        folders.marker(key).touch()
        os.utime(folders.marker(key), (1, 1))
    _remove_unused(cast(Any, OneLanguage(folders)))
    assert folders.keys() == {"a"}
