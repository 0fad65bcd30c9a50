"""The file of a backup: written aside and put in place when it is whole; checked before it is used."""

import contextlib
import fcntl
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

import msgspec
from webjobs_service.release import VERSION

from webjobs_history.backup.errors import (
    BackupTooNew,
    DamagedBackup,
    FileBusy,
    FileExists,
    FileNotWritten,
    NotABackup,
)
from webjobs_history.backup.format import FORMAT, MANIFEST, Form, Manifest, Member, Record

_LEVEL = 3  # of compression: JSON shrinks to a fifth, and a higher level costs twice the time for a tenth
_PIECE = 1024 * 1024  # bytes
_BATCH = 500  # records
_BATCH_BYTES = 4 * 1024 * 1024
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)

T = TypeVar("T")


class ArchiveWriter:
    """A context manager that writes a backup. Unless `finish` is called, nothing is left of it.

    Until it is whole its name ends in `.part`; only its owner may read it, as it holds secrets.

    Args:
        path: The file to be made.
        replace: Whether a file of that name is replaced.

    Raises:
        FileExists: There is a file, and it is not to be replaced.
        FileBusy: Another backup writes it.
        FileNotWritten: It cannot be made.
    """

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        self.path = path
        self.members: dict[str, Member] = {}
        self._part = path.with_name(f"{path.name}.part")
        if path.exists() and not replace:
            raise FileExists(path)
        with self._writing():
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._file = open(descriptor, "r+b")  # closed by __exit__
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise FileBusy(path) from None
            os.fchmod(descriptor, 0o600)  # one that a killed backup left may have been changed
            self._file.truncate()
        self._archive = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self._name = ""
        self._member: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self._bytes = self._records = 0
        self._is_whole = False

    @property
    def scratch(self) -> Path:
        """A file beside it, for what must be fetched before it is added."""
        return self._part.with_name(f"{self._part.name}.fetched")

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.scratch.unlink(missing_ok=True)
        if not self._is_whole:
            # A full disk fails here a second time.
            with contextlib.suppress(OSError, ValueError):
                if self._member is not None:
                    self._member.close()
            with contextlib.suppress(OSError, ValueError):
                self._archive.close()
            self._part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()

    def begin(self, name: str) -> None:
        """Begin a member; the one before is ended."""
        self.end()
        with self._writing():
            self._member = self._archive.open(name, "w", force_zip64=True)
        self._name, self._digest, self._bytes, self._records = name, hashlib.sha256(), 0, 0

    def write(self, records: Sequence[msgspec.Struct | msgspec.Raw]) -> None:
        """Add records to the member that was begun, each as a line of JSON."""
        self._write(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
        self._records += len(records)

    def add_file(self, name: str, content: Path) -> None:
        """Add a file as a member."""
        self.begin(name)
        with content.open("rb") as source:
            while piece := source.read(_PIECE):
                self._write(piece)
        self.end()

    def end(self) -> None:
        """End the member that was begun, if there is one."""
        if self._member is None:
            return
        member, self._member = self._member, None
        with self._writing():
            member.close()
        self.members[self._name] = Member(
            sha256=self._digest.hexdigest(), bytes=self._bytes, records=self._records
        )

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and give the file its name, once all of it is on the disk."""
        self.end()
        with self._writing():
            self._archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
            self._archive.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            os.replace(self._part, self.path)
            self._is_whole = True
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _write(self, data: bytes) -> None:
        assert self._member is not None, "begin() comes first"
        with self._writing():
            self._member.write(data)
        self._digest.update(data)
        self._bytes += len(data)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileNotWritten(self.path, error.strerror or str(error)) from error


class ArchiveReader:
    """A context manager that reads a backup.

    Raises:
        NotABackup: It is none, or lacks its end.
        BackupTooNew: This release cannot read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except _UNREADABLE as error:
            raise NotABackup(path, _reason(error)) from error
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> "ArchiveReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def check(self) -> None:
        """Read everything, and compare it with the manifest.

        Raises:
            DamagedBackup: A member is absent, is not in the manifest, or has another content.
        """
        names = self._archive.namelist()
        for name in names:
            if (name != MANIFEST and name not in self.manifest.members) or names.count(name) > 1:
                raise DamagedBackup(self.path, name, "was added")
        for name, expected in self.manifest.members.items():
            if name not in names:
                raise DamagedBackup(self.path, name, "is missing")
            digest = hashlib.sha256()
            try:
                with self._archive.open(name) as member:
                    while piece := member.read(_PIECE):
                        digest.update(piece)
            except _UNREADABLE as error:
                raise DamagedBackup(self.path, name, f"cannot be read ({_reason(error)})") from error
            if digest.hexdigest() != expected.sha256:
                raise DamagedBackup(self.path, name, "has another content than its digest says")

    def names(self, prefix: str) -> list[str]:
        """Members whose name begins so."""
        return [name for name in self.manifest.members if name.startswith(prefix)]

    def open(self, name: str) -> IO[bytes]:
        """A member as a file to be read."""
        return self._archive.open(name)

    def records(self, name: str) -> Iterator[list[Record]]:
        """The records of a member, in lists that are not large; none if there is no such member."""
        decoder = msgspec.json.Decoder(Record)
        return self._batches(name, decoder.decode)

    def lines(self, name: str) -> Iterator[list[bytes]]:
        """The same, as JSON."""
        return self._batches(name, bytes.strip)

    def _batches(self, name: str, decode: Callable[[bytes], T]) -> Iterator[list[T]]:
        if name not in self.manifest.members:
            return
        batch: list[T] = []
        size = 0
        with self._archive.open(name) as member:
            for line in member:
                batch.append(decode(line))
                size += len(line)
                if len(batch) == _BATCH or size > _BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
        if batch:
            yield batch

    def _read_manifest(self) -> Manifest:
        try:
            data = self._archive.read(MANIFEST)
            form = msgspec.json.decode(data, type=Form)
            if form.format > FORMAT:
                raise BackupTooNew(self.path, form.made_by, VERSION)
            return msgspec.json.decode(data, type=Manifest)
        except KeyError as error:
            raise NotABackup(self.path, f"it has no {MANIFEST}") from error
        except (msgspec.DecodeError, *_UNREADABLE) as error:
            raise NotABackup(self.path, f"its {MANIFEST} cannot be read ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).rstrip(".") or type(error).__name__
