"""Finds what a path of the site folder leads to, and never leaves that folder on the way.

Each name is opened in the folder before it and never through a link; a link is read, and its target walked
in the same way. So a folder that is swapped for a link meanwhile cannot lead the walk elsewhere.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from webjobs_runner.domain.site_path import SitePath, is_above_jobs, is_reserved
from webjobs_runner.vfs.errors import FileInTheWay, FileMissing, LeadsOutside, Reserved

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # never waiting for the writer of a pipe
_MOST_LINKS = 40  # as the kernel has it
_FOLDER_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    Attributes:
        path: Without links, in the spelling on disk.
        folder: A descriptor of the folder that holds it, open as long as the walk is.
        name: In that folder; `.` when it is the folder itself.
        status: None when nothing is there.
    """

    path: SitePath
    folder: int
    name: str
    status: os.stat_result | None

    @property
    def is_folder(self) -> bool:
        """Whether a folder is there."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether a file is there, one that can be read and written."""
        return self.status is not None and stat.S_ISREG(self.status.st_mode)

    def open_folder(self) -> int:
        """A descriptor of the folder that is there, for the caller to close."""
        return _opened(self.path, self.folder, self.name, _FOLDER)

    def open_file(self) -> int:
        """A descriptor for reading what is there, for the caller to close and to look at."""
        return _opened(self.path, self.folder, self.name, _FILE)


@contextmanager
def reach(root: Path, path: SitePath, *, create: bool = False, follow: bool = True) -> Iterator[Place]:
    """Walk to a path; the place can be worked with while the body runs.

    Args:
        root: The site folder.
        path: Its last name may be missing.
        create: Whether folders missing on the way are created.
        follow: Whether a link at the end is followed.

    Raises:
        FileMissing: A folder on the way is not there.
        FileInTheWay: A file is where a folder on the way should be.
        Reserved: It belongs to webjobs itself.
        LeadsOutside: A link does.
    """
    walk = _Walk(root, path)
    try:
        yield walk.to_the_end(create, follow)
    finally:
        os.close(walk.folder)


class _Walk:
    def __init__(self, root: Path, path: SitePath) -> None:
        self._root = root
        self._asked = path
        self._slots = 0
        self._todo = deque(path)
        self._path: SitePath = ()
        self.folder = os.open(root, _FOLDER)

    def to_the_end(self, create: bool, follow: bool) -> Place:
        while self._todo:
            name = self._todo.popleft()
            if name == "..":
                self._climb()
                continue
            name = self._spelled(name)
            path = (*self._path, name)
            if is_reserved(path):
                raise Reserved(path)
            status, is_last = self._status(name), not self._todo
            if status is not None and stat.S_ISLNK(status.st_mode) and (follow or not is_last):
                self._follow(name)
            elif is_last:
                return Place(path, self.folder, name, status)
            else:
                self._enter(path, status, create)
        return Place(self._path, self.folder, ".", os.fstat(self.folder))

    def _status(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _enter(self, path: SitePath, status: os.stat_result | None, create: bool) -> None:
        if status is None:
            if not create:
                raise FileMissing(self._asked)
            make_folder(self.folder, path[-1])
        elif not stat.S_ISDIR(status.st_mode):
            raise FileInTheWay(path) if create else FileMissing(self._asked)
        entered = _opened(path, self.folder, path[-1], _FOLDER)
        os.close(self.folder)
        self.folder, self._path = entered, path

    def _follow(self, name: str) -> None:
        try:
            target = os.readlink(name, dir_fd=self.folder)
        except OSError as error:  # it was exchanged meanwhile
            raise FileMissing(self._asked) from error
        if target.startswith("/"):
            raise LeadsOutside((*self._path, name))
        self._restart(self._path, [part for part in target.split("/") if part not in ("", ".")])

    def _climb(self) -> None:
        if not self._path:
            raise LeadsOutside(self._asked)
        self._restart(self._path[:-1], [])

    def _restart(self, reached: SitePath, then: Sequence[str]) -> None:
        """Begin again at the site folder: the folder above an open one may be anywhere by now."""
        self._slots += 1
        if self._slots > _MOST_LINKS:
            raise LeadsOutside(self._asked)
        self._todo.extendleft(reversed([*reached, *then]))
        self._path = ()
        root = os.open(self._root, _FOLDER)
        os.close(self.folder)
        self.folder = root

    def _spelled(self, name: str) -> str:
        """A name as it is on disk, where more than one spelling stands for the same."""
        if not is_above_jobs((*self._path, name)) or self._status(name) is not None:
            return name
        usual = name.casefold()
        spellings = [found for found in os.listdir(self.folder) if found.casefold() == usual]
        return min(spellings, key=lambda found: (found != usual, found), default=usual)


def make_folder(parent: int, name: str) -> None:
    """Create a folder, readable by scripts whatever the umask says; one that is there already will do."""
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return
    created = os.open(name, _FOLDER, dir_fd=parent)
    try:
        os.fchmod(created, _FOLDER_MODE)
    finally:
        os.close(created)


def _opened(path: SitePath, parent: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except FileNotFoundError as error:
        raise FileMissing(path) from error
    except NotADirectoryError as error:
        raise FileInTheWay(path) from error
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link has taken its place a moment ago
            raise LeadsOutside(path) from error
        raise
