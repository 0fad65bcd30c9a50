"""A job's files as a package: one archive, named by the digest of what it holds."""

import contextlib
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from webjobs_runner.deploy_errors import FolderChangedMeanwhile, FolderRefused, PackageDamaged
from webjobs_runner.files.definition_files import definition_files
from webjobs_runner.files.folder_walk import Entry, walk_folder

CHUNK_BYTES = 256 * 1024
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, FileExistsError, NotADirectoryError)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest instant a zip can hold


@dataclass(frozen=True, slots=True, order=True)
class PackagedFile:
    """One file: where it lies (relative, `/` between parts), whether it may be executed, what it holds."""

    path: str
    executable: bool
    size: int
    sha256: str

    @property
    def mode(self) -> int:
        """The permissions it is written with."""
        return 0o755 if self.executable else 0o644


@dataclass(frozen=True)
class Manifest:
    """What a version of a job consists of, in the order of paths; equal versions have equal manifests."""

    files: tuple[PackagedFile, ...]
    empty_folders: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 that names the version; independent of times, owners and the order of creation."""
        seen = hashlib.sha256(b"webjobs package 1\n")
        for folder in self.empty_folders:
            seen.update(b"folder\0" + folder.encode() + b"\0")
        for file in self.files:
            facts = f"{file.path}\0{file.mode:o}\0{file.size}\0{file.sha256}\0"
            seen.update(b"file\0" + facts.encode())
        return seen.hexdigest()


def scan_folder(folder: Path) -> Manifest:
    """Read a job's folder, leaving out the `settings.job` and `disable.job` that speak for the job.

    Raises:
        FolderRefused: It holds a link, a socket, a pipe, a device, a name that is not UTF-8, or
            something that may not be read.
        FolderChangedMeanwhile: Something in it vanished while it was read.
        FileNotFoundError: There is no such folder.
    """
    files, empty_folders = list_files(folder)
    scanned = []
    for entry in files:
        with _open_file(folder, entry.path) as source:
            executable = bool(os.fstat(source.fileno()).st_mode & 0o111)
            digest, size = _copy(source, None)
        scanned.append(PackagedFile(entry.path, executable, size, digest))
    return Manifest(tuple(sorted(scanned)), empty_folders)


def list_files(folder: Path) -> tuple[list[Entry], tuple[str, ...]]:
    """The files that make up the job, and the folders that hold nothing of it.

    Raises: As `scan_folder`.
    """
    if folder.is_symlink():
        raise FolderRefused(folder, "", "it is a link; copy the files into a folder of the job's name")
    try:
        entries = list(walk_folder(folder))
    except FileNotFoundError as fault:
        if not folder.exists():
            raise
        raise FolderChangedMeanwhile(folder, str(fault.filename)) from fault
    except PermissionError as fault:
        path = os.path.relpath(str(fault.filename), folder)
        raise FolderRefused(folder, path, "it may not be read; change its permissions") from fault
    for entry in entries:
        _refuse_what_no_package_carries(folder, entry)
    left_out = definition_files(f"{entry.path}/" if entry.is_folder else entry.path for entry in entries)
    files = [entry for entry in entries if not entry.is_folder and entry.path not in left_out]
    filled = {entry.path.rpartition("/")[0] for entry in files}
    filled |= {entry.path.rpartition("/")[0] for entry in entries if entry.is_folder}
    empty = sorted(entry.path for entry in entries if entry.is_folder and entry.path not in filled)
    return files, tuple(empty)


def _refuse_what_no_package_carries(folder: Path, entry: Entry) -> None:
    mode = entry.status.st_mode
    if stat.S_ISLNK(mode):
        raise FolderRefused(folder, entry.path, "it is a link; put the file itself there")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise FolderRefused(folder, entry.path, "it is a pipe, socket or device; only files can be deployed")
    try:
        entry.path.encode()
    except UnicodeEncodeError as fault:
        raise FolderRefused(folder, entry.path, "its name is not UTF-8; rename it") from fault


def write_package(folder: Path, manifest: Manifest, target: Path) -> None:
    """Write what the manifest says into an archive, reading each file once and in pieces.

    Raises:
        FolderChangedMeanwhile: A file is not what the manifest says any more; no archive is left.
    """
    try:
        with zipfile.ZipFile(target, "w") as archive:
            for path in manifest.empty_folders:
                archive.writestr(_zip_entry(f"{path}/", stat.S_IFDIR | 0o755), b"")
            for file in manifest.files:
                _write_file(folder, file, archive)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _write_file(folder: Path, file: PackagedFile, archive: zipfile.ZipFile) -> None:
    entry = _zip_entry(file.path, stat.S_IFREG | file.mode)
    entry.file_size = file.size  # decides whether the entry needs the large form
    with _open_file(folder, file.path) as source, archive.open(entry, "w") as sink:
        executable = bool(os.fstat(source.fileno()).st_mode & 0o111)
        found = _copy(source, sink, file.size)
    if (*found, executable) != (file.sha256, file.size, file.executable):
        raise FolderChangedMeanwhile(folder, file.path)


def _zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # unix: the permissions count
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def unpack_package(archive: Path, target: Path) -> Manifest:
    """Write a package's files into a new folder, and answer what was written.

    Raises:
        PackageDamaged: It is not a package, or holds a path that leads out of the folder.
    """
    make_folder(target)
    files, empty_folders = [], []
    try:
        with zipfile.ZipFile(archive) as package:
            for entry in package.infolist():
                path = entry.filename.removesuffix("/")
                place = _place(archive, target, path)
                if entry.is_dir():
                    make_folder(place)
                    empty_folders.append(path)
                    continue
                make_folder(place.parent)
                executable = bool(entry.external_attr >> 16 & 0o111)
                with package.open(entry) as source, new_file(place, executable) as sink:
                    digest, size = _copy(source, sink)
                files.append(PackagedFile(path, executable, size, digest))
    except _DAMAGE as fault:
        raise PackageDamaged(archive, str(fault)) from fault
    return Manifest(tuple(sorted(files)), tuple(sorted(empty_folders)))


def _place(archive: Path, target: Path, path: str) -> Path:
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
        raise PackageDamaged(archive, f"{path!r} is not a path inside the job's folder")
    return target / path


def copy_version(folder: Path, target: Path) -> Manifest:
    """Copy a job's files into a new folder, sharing nothing with the source; answer what was copied.

    Raises: As `scan_folder`.
    """
    files, empty_folders = list_files(folder)
    make_folder(target)
    for path in empty_folders:
        make_folder(target / path)
    copied = []
    for entry in files:
        place = target / entry.path
        make_folder(place.parent)
        with _open_file(folder, entry.path) as source:
            executable = bool(os.fstat(source.fileno()).st_mode & 0o111)
            with new_file(place, executable) as sink:
                digest, size = _copy(source, sink)
        copied.append(PackagedFile(entry.path, executable, size, digest))
    return Manifest(tuple(sorted(copied)), empty_folders)


def make_folder(path: Path) -> None:
    """Create a folder and those above it that are missing, readable by scripts whatever the umask says."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


@contextlib.contextmanager
def new_file(path: Path, executable: bool) -> Iterator[IO[bytes]]:
    """A file that did not exist, open for writing, with the permissions of a job's file."""
    with open(path, "xb") as sink:
        os.fchmod(sink.fileno(), 0o755 if executable else 0o644)
        yield sink


@contextlib.contextmanager
def _open_file(folder: Path, path: str) -> Iterator[IO[bytes]]:
    # Never through a link, and never waiting for a writer, should a pipe have taken the file's place.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(folder / path, flags)
    except FileNotFoundError as fault:
        raise FolderChangedMeanwhile(folder, path) from fault
    except PermissionError as fault:
        raise FolderRefused(folder, path, "it may not be read; change its permissions") from fault
    except OSError as fault:
        raise FolderChangedMeanwhile(folder, path) from fault
    with open(descriptor, "rb", buffering=0) as source:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FolderChangedMeanwhile(folder, path)
        yield source


def _copy(source: IO[bytes], sink: IO[bytes] | None, at_most: int | None = None) -> tuple[str, int]:
    """Copy in pieces (no further than one piece past `at_most`); answer SHA-256 and size."""
    seen, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        seen.update(chunk)
        size += len(chunk)
        if sink is not None:
            sink.write(chunk)
        if at_most is not None and size > at_most:
            break
    return seen.hexdigest(), size
