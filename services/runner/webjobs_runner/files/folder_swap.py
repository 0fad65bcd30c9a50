"""Puts a new version of a folder in the place of the old one, so that a crash leaves one of them whole."""

import os
import shutil
from pathlib import Path

from webjobs_environments.folder_swap import flush_disk, swap_folders

from webjobs_runner.files.site import STAGING


class Staging:
    """The hidden place beside the job folders where one job's next version is made ready.

    `new` holds it while it grows, `old` the version it replaces while no single step can exchange the
    two, `gone` what is being deleted. The caller holds the job's lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._home = folder.parent / STAGING / folder.name
        self.new = self._home / "new"
        self.old = self._home / "old"
        self.gone = self._home / "gone"
        self.scratch = self._home / "scratch"

    def prepare(self) -> None:
        """Begin with nothing in it, after mending what a crash may have left."""
        self.recover()
        self._home.mkdir(parents=True, exist_ok=True)

    def recover(self) -> None:
        """Finish or take back a swap that was interrupted, and clear the rest.

        The old version is only ever moved away once the new one is complete, so when both are here and
        the folder is missing, the new one belongs there.
        """
        if os.path.lexists(self.old) and not os.path.lexists(self.folder):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            (self.new if self.new.is_dir() else self.old).rename(self.folder)
        self.clear()

    def clear(self) -> None:
        """Remove everything in it."""
        if self._home.is_dir():
            shutil.rmtree(self._home, ignore_errors=True)

    def put_in_place(self) -> None:
        """Make `new` the folder; whatever was there is left in the staging place."""
        flush_disk(self.new)
        if not os.path.lexists(self.folder):
            self.new.rename(self.folder)
        elif not swap_folders(self.new, self.folder):
            self.folder.rename(self.old)
            self.new.rename(self.folder)

    def take_away(self) -> None:
        """Make the folder vanish at one stroke, then delete it."""
        self.folder.rename(self.gone)
        self.clear()
