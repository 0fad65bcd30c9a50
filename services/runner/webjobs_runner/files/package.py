"""A job's files as a package: one archive, named by the digest of what it holds."""

import contextlib
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from webjobs_rules.errors import FolderRefused
from webjobs_rules.package_links import LONGEST_TARGET, fault_of_link

from webjobs_runner.deploy_errors import FolderChangedMeanwhile, PackageDamaged
from webjobs_runner.files.folder_files import list_files
from webjobs_runner.files.manifest import Manifest, PackagedFile, PackagedLink

CHUNK_BYTES = 256 * 1024
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    FileExistsError,
    NotADirectoryError,
    UnicodeDecodeError,
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest instant a zip can hold


def scan_folder(folder: Path) -> Manifest:
    """Read a job's folder, leaving out the `settings.job` and `disable.job` that speak for the job.

    Raises: As `list_files`.
    """
    found = list_files(folder)
    scanned = []
    for entry in found.files:
        with _open_file(folder, entry.path) as source:
            executable = bool(os.fstat(source.fileno()).st_mode & 0o111)
            digest, size = _copy(source, None)
        scanned.append(PackagedFile(entry.path, executable, size, digest))
    return Manifest(tuple(sorted(scanned)), found.empty_folders, found.links, found.left_out)


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
            for link in manifest.links:
                _write_link(folder, link, archive)
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


def _write_link(folder: Path, link: PackagedLink, archive: zipfile.ZipFile) -> None:
    try:
        target = os.readlink(folder / link.path)
    except OSError as fault:
        raise FolderChangedMeanwhile(folder, link.path) from fault
    if target != link.target:
        raise FolderChangedMeanwhile(folder, link.path)
    archive.writestr(_zip_entry(link.path, stat.S_IFLNK | 0o777), target)


def _zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # unix: the permissions count
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def unpack_package(archive: Path, target: Path) -> Manifest:
    """Write a package's files into a new folder; returns what was written.

    Links are made last, so that no file is written through one.

    Raises:
        PackageDamaged: It is not a package, or holds a path or a link that leads out of the folder.
    """
    make_folder(target)
    files, empty_folders, links = [], [], {}
    try:
        with zipfile.ZipFile(archive) as package:
            for entry in package.infolist():
                path = entry.filename.removesuffix("/")
                place = _place(archive, target, path)
                mode = entry.external_attr >> 16
                if entry.is_dir():
                    make_folder(place)
                    empty_folders.append(path)
                    continue
                make_folder(place.parent)
                with package.open(entry) as source:
                    if stat.S_ISLNK(mode):
                        links[path] = source.read(LONGEST_TARGET + 1).decode()
                        continue
                    with new_file(place, bool(mode & 0o111)) as sink:
                        digest, size = _copy(source, sink)
                files.append(PackagedFile(path, bool(mode & 0o111), size, digest))
            for path, link in links.items():
                if fault_of_link(path, links):
                    raise PackageDamaged(archive, f"{path!r} is a link that leads out of the job's folder")
                (target / path).symlink_to(link)
    except _DAMAGE as fault:
        raise PackageDamaged(archive, str(fault)) from fault
    made = tuple(sorted(PackagedLink(path, link) for path, link in links.items()))
    return Manifest(tuple(sorted(files)), tuple(sorted(empty_folders)), made)


def _place(archive: Path, target: Path, path: str) -> Path:
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
        raise PackageDamaged(archive, f"{path!r} is not a path inside the job's folder")
    return target / path


def copy_version(folder: Path, target: Path) -> Manifest:
    """Copy a job's files into a new folder, sharing nothing with the source; returns what was copied.

    Raises: As `list_files`.
    """
    found = list_files(folder)
    make_folder(target)
    for path in found.empty_folders:
        make_folder(target / path)
    copied = []
    for entry in found.files:
        place = target / entry.path
        make_folder(place.parent)
        with _open_file(folder, entry.path) as source:
            executable = bool(os.fstat(source.fileno()).st_mode & 0o111)
            with new_file(place, executable) as sink:
                digest, size = _copy(source, sink)
        copied.append(PackagedFile(entry.path, executable, size, digest))
    for link in found.links:
        make_folder((target / link.path).parent)
        (target / link.path).symlink_to(link.target)
    return Manifest(tuple(sorted(copied)), found.empty_folders, found.links, found.left_out)


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


def read_file(folder: Path, path: str) -> bytes:
    """The content of a file in a job's folder, never of one that a link there leads to.

    Raises:
        FolderChangedMeanwhile: There is no such file any more.
        FolderRefused: It may not be read.
    """
    with _open_file(folder, path) as source:
        return b"".join(iter(lambda: source.read(CHUNK_BYTES), b""))


@contextlib.contextmanager
def _open_file(folder: Path, path: str) -> Iterator[IO[bytes]]:
    # Never through a link, and never waiting for a writer, should a pipe have taken the file's place.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(folder / path, flags)
    except FileNotFoundError as fault:
        raise FolderChangedMeanwhile(folder, path) from fault
    except PermissionError as fault:
        raise FolderRefused(folder.name, path, "it may not be read; change its permissions") from fault
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
