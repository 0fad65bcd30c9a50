"""A folder, a file or bytes → what is uploaded: a zip archive with the same bytes for the same files."""

import hashlib
import io
import os
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec
from webjobs_rules.ignore_patterns import DEFAULT_PATTERNS, IGNORE_FILE, IgnorePatterns

from webjobs_client.errors import InvalidRequest
from webjobs_client.exchange import Upload

_CHUNK = 256 * 1024  # bytes
_IN_MEMORY = 8 * 1024 * 1024  # bytes of an archive before it is written to a temporary file
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can hold
_ZIP_START = (b"PK\x03\x04", b"PK\x05\x06")


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What is uploaded; a context that gives back the temporary file of an archive.

    Attributes:
        upload: Its bytes.
        file_name: Of a script; None of an archive.
        files: How many files it has; None when the archive was given.
        size: Bytes of the files, unpacked; of an archive that was given, its own.
        left_out: How many files of a folder were left out, by the path that was.
        digest: Hex SHA-256 of what is uploaded: the same folder has the same.
    """

    upload: Upload
    file_name: str | None
    files: int | None
    size: int
    left_out: dict[str, int]
    digest: str

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, *_: object) -> None:
        self.upload.close()


def package_of(
    source: str | os.PathLike[str] | bytes, *, file_name: str | None = None, include: Iterable[str] = ()
) -> Package:
    """Returns what is uploaded of a folder, of a zip archive or a script at a path, or of their bytes.

    Left out of a folder are `DEFAULT_PATTERNS` and what its `.webjobsignore` names; never what `.gitignore`
    names.

    Args:
        source: Path of a folder or a file; or the bytes of an archive, or of a script with `file_name`.
        file_name: Name of the script; by default that of the file.
        include: Patterns that are taken in though they are left out by default, such as `.env`.

    Raises:
        InvalidRequest: There is no such file, or nothing in the folder.
    """
    if isinstance(source, bytes):
        is_archive = file_name is None or file_name.lower().endswith(".zip")
        return _of_bytes(source, None if is_archive else file_name)
    path = Path(source)
    try:
        if path.is_dir():
            return _of_folder(path, include)
        return _of_file(path, file_name)
    except FileNotFoundError as error:
        raise InvalidRequest(
            f"There is no file {os.fspath(path)!r}.", "Give a folder, a zip or a script."
        ) from error
    except OSError as error:
        raise InvalidRequest(f"{os.fspath(path)!r} cannot be read: {error.strerror}.") from error


def _of_bytes(content: bytes, file_name: str | None) -> Package:
    return Package(
        upload=Upload(len(content), lambda: _chunks(io.BytesIO(content))),
        file_name=file_name,
        files=None if file_name is None else 1,
        size=len(content),
        left_out={},
        digest=hashlib.sha256(content).hexdigest(),
    )


def _of_file(path: Path, file_name: str | None) -> Package:
    name = file_name or path.name
    with path.open("rb") as file:
        is_archive = name.lower().endswith(".zip") or file.read(4) in _ZIP_START
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as again:
            yield from _chunks(again)

    return Package(
        upload=Upload(size, chunks),
        file_name=None if is_archive else name,
        files=None if is_archive else 1,
        size=size,
        left_out={},
        digest=digest,
    )


def _of_folder(folder: Path, include: Iterable[str]) -> Package:
    patterns = _patterns_of(folder, include)
    left_out: Counter[str] = Counter()
    archive: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # closed with the package
    files = size = 0
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
            for path in _walk(folder, "", patterns, left_out):
                files += 1
                size += _add(packed, folder / path, path)
    except BaseException:
        archive.close()
        raise
    if not files:
        archive.close()
        raise InvalidRequest(
            f"The folder {os.fspath(folder)!r} holds no file to upload.", _nothing_left(left_out)
        )
    length = archive.seek(0, io.SEEK_END)
    archive.seek(0)
    digest = hashlib.sha256()
    for chunk in _chunks(archive):
        digest.update(chunk)

    def chunks() -> Iterator[bytes]:
        archive.seek(0)
        return _chunks(archive)

    return Package(
        upload=Upload(length, chunks, archive.close),
        file_name=None,
        files=files,
        size=size,
        left_out=dict(left_out),
        digest=digest.hexdigest(),
    )


def _patterns_of(folder: Path, include: Iterable[str]) -> IgnorePatterns:
    own: list[str] = []
    ignore_file = folder / IGNORE_FILE
    if ignore_file.is_file():
        own = ignore_file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return IgnorePatterns([*DEFAULT_PATTERNS, *own, *(f"!{pattern}" for pattern in include)])


def _walk(folder: Path, below: str, patterns: IgnorePatterns, left_out: Counter[str]) -> Iterator[str]:
    """Yields the relative paths of files and links, in an order that depends on nothing but their names."""
    with os.scandir(folder / below) as entries:
        found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in found:
        path = f"{below}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        if patterns.leaves_out(path, is_folder=is_folder):
            left_out[f"{path}/" if is_folder else path] += _count(entry.path) if is_folder else 1
        elif is_folder:
            yield from _walk(folder, f"{path}/", patterns, left_out)
        elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
            yield path
        else:  # a pipe, a socket, a device
            left_out[path] += 1


def _add(packed: zipfile.ZipFile, path: Path, name: str) -> int:
    """Adds a file, or a link as a link, and returns its bytes."""
    mode = path.lstat().st_mode
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.create_system = 3  # unix: the permissions count
    entry.compress_type = zipfile.ZIP_DEFLATED
    if stat.S_ISLNK(mode):
        target = os.fsencode(os.readlink(path))
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, target)
        return len(target)
    entry.external_attr = (stat.S_IFREG | (0o755 if mode & stat.S_IXUSR else 0o644)) << 16
    written = 0
    with path.open("rb") as file, packed.open(entry, "w", force_zip64=True) as member:
        for chunk in _chunks(file):
            member.write(chunk)
            written += len(chunk)
    return written


def _count(folder: str) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _nothing_left(left_out: Counter[str]) -> str:
    names = ", ".join(list(left_out)[:5])
    return f"Left out: {names}. See .webjobsignore." if left_out else "Put the script of the job into it."
