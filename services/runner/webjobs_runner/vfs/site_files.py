"""Files of the site folder: looked at, put in place and removed, one change at a time."""

import errno
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from webjobs_events.files import Condition, FileInfo

from webjobs_runner.domain.precondition import check
from webjobs_runner.domain.site_path import SitePath, is_kept, is_reserved, job_of
from webjobs_runner.files.job_lock import job_lock
from webjobs_runner.files.site import Site
from webjobs_runner.vfs.confined import Place, make_folder, reach
from webjobs_runner.vfs.errors import (
    FileInTheWay,
    FileMissing,
    FolderInTheWay,
    FolderNotEmpty,
    KeptFolder,
    LeadsOutside,
    NotAFile,
    Reserved,
)
from webjobs_runner.vfs.file_info import etag_of, info_of
from webjobs_runner.vfs.placing import link_into, move_into, status_of

_FILE_MODE = 0o644


class SiteFiles:
    """What may be done with the files of a site folder. Everything here blocks.

    Args:
        site: The site folder.
        scratch: Of this runner alone, best on the same file system; uploads grow in it.
    """

    def __init__(self, site: Site, scratch: Path) -> None:
        self.root = site.root
        self.scratch = scratch
        self.site = site

    def clear_scratch(self) -> None:
        """Remove what a crash has left, and begin with nothing."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True, exist_ok=True)

    def stat(self, path: SitePath) -> FileInfo:
        """What is there.

        Raises:
            FileMissing: Nothing.
        """
        with reach(self.root, path) as place:
            if place.status is None:
                raise FileMissing(path)
            return info_of(self.root, place.path, place.status)

    def open(self, path: SitePath) -> tuple[int | None, FileInfo]:
        """A descriptor of a file for reading, for the caller to close; None for a folder.

        Raises:
            FileMissing: There is neither.
            NotAFile: It cannot be read as files can.
        """
        with reach(self.root, path) as place:
            if place.status is None:
                raise FileMissing(path)
            if place.is_folder:
                return None, info_of(self.root, place.path, place.status)
            if not place.is_file:
                raise NotAFile(path)
            descriptor = place.open_file()
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise NotAFile(path)
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor, info_of(self.root, place.path, status)

    def entries(self, path: SitePath) -> list[FileInfo]:
        """What is in a folder, in name order, without what belongs to webjobs itself.

        Raises:
            FileMissing: There is no such folder.
            FileInTheWay: It is a file.
        """
        with reach(self.root, path) as place:
            if place.status is None:
                raise FileMissing(path)
            if not place.is_folder:
                raise FileInTheWay(path)
            folder = place.open_folder()
            try:
                with os.scandir(folder) as scan:
                    found = sorted(scan, key=lambda entry: entry.name)
                infos = (self._entry_info(place.path, entry) for entry in found)
                return [info for info in infos if info is not None]
            finally:
                os.close(folder)

    def make_folder(self, path: SitePath) -> None:
        """Create a folder, and those above it that are missing.

        Raises:
            FolderInTheWay: It is there already.
            FileInTheWay: A file is there, or above.
        """
        with self._alone(path), reach(self.root, path, create=True) as place:
            if place.is_folder:
                raise FolderInTheWay(path)
            if place.status is not None:
                raise FileInTheWay(path)
            make_folder(place.folder, place.name)

    def may_make_folder(self, path: SitePath) -> None:
        """Go on when a folder is there, or could be.

        Raises:
            FileInTheWay: A file is there, or above.
        """
        try:
            with reach(self.root, path) as place:
                if place.status is not None and not place.is_folder:
                    raise FileInTheWay(path)
        except FileMissing:
            self._check_folders_above(path)

    def may_write(self, path: SitePath, condition: Condition | None) -> None:
        """Go on when a file could be put there now; None as condition overwrites whatever file is there.

        Raises:
            PreconditionFailed: The file is not as its writer takes it to be.
            FolderInTheWay: A folder is there.
            FileInTheWay: A file is above.
            NotAFile: Something is there that is neither file nor folder.
        """
        try:
            with reach(self.root, path) as place:
                _check_target(place, condition)
        except FileMissing:  # a folder above is missing, or is no folder
            self._check_folders_above(path)
            if condition is not None:
                check(condition, None)

    def place(
        self, upload: Path, path: SitePath, condition: Condition | None, mode: int | None = None
    ) -> tuple[bool, FileInfo]:
        """Put a complete upload in the place of a file at one stroke; answers whether there was none before.

        Args:
            upload: In the scratch folder; gone afterwards.
            path: Of the file; folders above it are created.
            condition: As in `may_write`.
            mode: Permissions; None keeps those of the file that is replaced.

        Raises:
            WebJobsError: As `may_write`.
        """
        with self._alone(path):
            self.may_write(path, condition)
            with reach(self.root, path, create=True) as place:
                before = place.status
                kept = _FILE_MODE if before is None else stat.S_IMODE(before.st_mode) & 0o777
                os.chmod(upload, kept if mode is None else mode)
                now = time.time_ns()
                os.utime(upload, ns=(now, now))  # finer than the file system's clock: ETags must differ
                move_into(upload, place)
                os.fsync(place.folder)
                return before is None, info_of(self.root, place.path, status_of(place))

    def may_link(self, path: SitePath) -> None:
        """Go on when a link could be put there now, in the place of a file, a link or nothing.

        Raises:
            FolderInTheWay: A folder is there.
            FileInTheWay: A file is above.
        """
        try:
            with reach(self.root, path, follow=False) as place:
                if place.is_folder:
                    raise FolderInTheWay(path)
        except FileMissing:
            self._check_folders_above(path)

    def link(self, target: str, path: SitePath) -> None:
        """Put a link in place at one stroke; the caller checks its target.

        Raises:
            WebJobsError: As `may_link`.
        """
        with self._alone(path):
            self.may_link(path)
            with reach(self.root, path, create=True, follow=False) as place:
                link_into(target, place)

    def remove(self, path: SitePath, recursive: bool, condition: Condition) -> Path | None:
        """Remove a file, a link, or a folder; answers what of it still lies in the scratch folder.

        Raises:
            FileMissing: Nothing is there.
            KeptFolder: webjobs works in it.
            FolderNotEmpty: It holds something, and `recursive` is false.
            PreconditionFailed: The file is not as the client expects it.
        """
        if is_kept(path):
            raise KeptFolder(path)
        with self._alone(path), reach(self.root, path, follow=False) as place:
            if place.status is None:
                raise FileMissing(path)
            if is_kept(place.path):
                raise KeptFolder(path)
            if place.is_folder:
                return self._remove_folder(place, recursive)
            if place.is_file:
                check(condition, etag_of(place.status))
            os.unlink(place.name, dir_fd=place.folder)
            return None

    def _remove_folder(self, place: Place, recursive: bool) -> Path | None:
        if not recursive:
            try:
                os.rmdir(place.name, dir_fd=place.folder)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise FolderNotEmpty(place.path) from error
                raise
            return None
        gone = self.scratch / f"gone-{secrets.token_hex(8)}"
        try:
            # At one stroke, so that a half removed job is not taken for its next version.
            os.rename(place.name, gone, src_dir_fd=place.folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.rmtree(place.name, dir_fd=place.folder)
            return None
        return gone

    def _check_folders_above(self, path: SitePath) -> None:
        for length in range(1, len(path)):
            with reach(self.root, path[:length]) as place:
                if place.status is None:
                    return
                if not place.is_folder:
                    raise FileInTheWay(path[:length])

    @contextmanager
    def _alone(self, path: SitePath) -> Iterator[None]:
        """While this runs, no runner of the site changes a file in this way, nor installs a version here."""
        with ExitStack() as stack:
            job = job_of(path)
            if job is not None:
                stack.enter_context(job_lock(self.site, *job))
            lock = stack.enter_context(open(self.site.files_lock(), "ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _entry_info(self, folder: SitePath, entry: os.DirEntry[str]) -> FileInfo | None:
        path = (*folder, entry.name)
        if is_reserved(path):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                status = self._target_status(path) or status
        except OSError:  # it vanished meanwhile
            return None
        return info_of(self.root, path, status)

    def _target_status(self, path: SitePath) -> os.stat_result | None:
        try:
            with reach(self.root, path) as place:
                return place.status
        except (LeadsOutside, FileMissing, Reserved):
            return None


def _check_target(place: Place, condition: Condition | None) -> None:
    if place.is_folder:
        raise FolderInTheWay(place.path)
    if place.status is not None and not place.is_file:
        raise NotAFile(place.path)
    if condition is not None:
        check(condition, etag_of(place.status) if place.status is not None else None)
