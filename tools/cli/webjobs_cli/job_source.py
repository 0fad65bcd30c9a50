"""Reads a job's files from a folder, a zip or a single script, for commands that need no server."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from webjobs_rules.errors import FolderRefused
from webjobs_rules.ignore_patterns import DEFAULT_PATTERNS, IGNORE_FILE, LITTER, IgnorePatterns
from webjobs_rules.job_folder import FolderContent, FolderEntry, folder_content
from webjobs_rules.shebang import HEAD_BYTES, Shebang, names_interpreter, parse_shebang
from webjobs_rules.uploaded_script import checked_script

from webjobs_cli.errors import CommandError

ARCHIVE_SUFFIX = ".zip"


@dataclass(frozen=True, slots=True)
class JobSource:
    """The files of a job.

    Attributes:
        folder: Where they are.
        content: What of the folder makes up the job.
        is_script: Whether the job is a single file of the folder.
        sizes: Of the files in bytes.
        kept_here: Paths that `webjobs deploy` leaves out; those of folders end with `/`.
        unpacked: The folder, when it was made of a zip; None: it is the person's own.
    """

    folder: Path
    content: FolderContent
    is_script: bool
    sizes: dict[str, int]
    kept_here: list[str]
    unpacked: "tempfile.TemporaryDirectory[str] | None" = None

    def close(self) -> None:
        """Remove the folder that was made of a zip."""
        if self.unpacked is not None:
            self.unpacked.cleanup()

    def shebang_of(self, path: str) -> Shebang | None:
        """The interpreter that a file names in its first line."""
        return parse_shebang(self.head(path))

    def is_program(self, path: str) -> bool:
        """Whether a file without extension can be run."""
        return self.is_executable(path) or names_interpreter(self.head(path))

    def is_executable(self, path: str) -> bool:
        """Whether the job's file may be executed; a single script is made so when it is deployed."""
        return self.is_script or os.access(self.folder / path, os.X_OK)

    def head(self, path: str) -> bytes:
        """The first bytes of a file; none of one that cannot be read."""
        return self.read(path, HEAD_BYTES) or b""

    def read(self, path: str, at_most: int) -> bytes | None:
        """The beginning of a file; None when it cannot be read."""
        try:
            descriptor = os.open(self.folder / path, os.O_RDONLY | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                return file.read(at_most)
        except OSError:
            return None


def read_source(path: Path, job_name: str) -> JobSource:
    """Read what a folder or a zip holds, or take a file as the only one of a job; to be closed.

    Raises:
        CommandError: There is no such folder or file, or a zip cannot be unpacked here.
        FolderRefused, BadUpload: No job can be made of it, as a server would say.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise CommandError("no_such_path", f"{path} cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(mode):
        folder = path.resolve()
        return _of_folder(folder, job_name, _ignored(folder))
    if path.suffix.lower() == ARCHIVE_SUFFIX:
        return _of_archive(path, job_name)
    size = path.stat().st_size
    name = checked_script(path.name, size)
    entries = [FolderEntry(name, stat.S_IFREG | 0o755)]
    return JobSource(path.resolve().parent, folder_content(job_name, entries), True, {name: size}, [])


def _of_archive(archive: Path, job_name: str) -> JobSource:
    from webjobs_cli.job_archive import unpack_archive

    unpacked = tempfile.TemporaryDirectory(prefix="webjobs-zip-")
    try:
        folder = Path(unpacked.name)
        try:
            left_out = unpack_archive(archive, folder, os.environ)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError("cannot_unpack", f"{archive} cannot be unpacked: {reason}.") from error
        source = _of_folder(folder, job_name, IgnorePatterns([]))  # a zip is deployed as it is
        content = replace(source.content, left_out=(*left_out, *source.content.left_out))
        return replace(source, content=content, unpacked=unpacked)
    except BaseException:
        unpacked.cleanup()
        raise


def _of_folder(folder: Path, job_name: str, ignored: IgnorePatterns) -> JobSource:
    sizes: dict[str, int] = {}
    kept_here: list[str] = []
    try:
        entries = list(_walk(folder, "", ignored, sizes, kept_here))
        content = folder_content(job_name, entries)
        for path in content.files:
            with open(folder / path, "rb"):
                pass
    except PermissionError as error:
        refused = os.path.relpath(str(error.filename), folder)
        raise FolderRefused(job_name, refused, "it may not be read; change its permissions") from error
    except OSError as error:
        raise CommandError("no_such_path", f"{error.filename} cannot be read: {error.strerror}.") from error
    return JobSource(folder, content, False, {path: sizes[path] for path in content.files}, kept_here)


def _ignored(folder: Path) -> IgnorePatterns:
    """What `webjobs deploy` leaves out, but for what a server leaves out itself."""
    own: list[str] = []
    with suppress(FileNotFoundError):
        own = (folder / IGNORE_FILE).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return IgnorePatterns([*(each for each in DEFAULT_PATTERNS if each not in LITTER), *own])


def _walk(
    folder: Path, below: str, ignored: IgnorePatterns, sizes: dict[str, int], kept_here: list[str]
) -> Iterator[FolderEntry]:
    with os.scandir(folder / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = below + entry.name
        status = entry.stat(follow_symlinks=False)
        is_folder = stat.S_ISDIR(status.st_mode)
        if ignored.leaves_out(path, is_folder=is_folder):
            kept_here.append(f"{path}/" if is_folder else path)
            continue
        sizes[path] = status.st_size
        target = os.readlink(entry.path) if stat.S_ISLNK(status.st_mode) else ""
        yield FolderEntry(path, status.st_mode, target)
        if is_folder:
            yield from _walk(folder, f"{path}/", ignored, sizes, kept_here)
