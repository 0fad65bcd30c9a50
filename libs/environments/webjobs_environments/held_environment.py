"""An environment with a job's packages, as those who start scripts see it."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeldEnvironment:
    """An environment that stays until it is released.

    Attributes:
        folder: Its absolute path.
        release: Ends this use of it.
        is_node: Whether it has packages of Node.js, which scripts find by a link in their folder.
    """

    folder: str
    release: Callable[[], None]
    is_node: bool = False

    def variables(self, path: str) -> Mapping[str, str]:
        """What a script needs to find the packages; `path` is the PATH that it would have."""
        if self.is_node:
            return {"PATH": f"{self.folder}/node_modules/.bin:{path}"}
        return {
            "VIRTUAL_ENV": self.folder,
            "PATH": f"{self.folder}/bin:{path}",
            "PYTHONNOUSERSITE": "1",
        }

    def link_into(self, folder: str) -> None:
        """Let scripts in a working copy find packages of Node.js: modules are looked for beside a script.

        Where the job brings a folder `node_modules`, with no package in it, each package is linked into that.
        """
        if not self.is_node:
            return
        link, target = f"{folder}/node_modules", f"{self.folder}/node_modules"
        if not _is_folder(link):
            _link(target, link)
            return
        for name in os.listdir(target):
            own = f"{link}/{name}"
            if not name.startswith(".") and not _is_folder(own):
                _link(f"{target}/{name}", own)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _link(target: str, link: str) -> None:
    """Let a path lead to `target`, at every moment if it led elsewhere before."""
    if os.path.islink(link) and os.readlink(link) == target:
        return
    temporary = f"{os.path.dirname(link)}/.node_modules-{secrets.token_hex(4)}"
    os.symlink(target, temporary)
    os.replace(temporary, link)
