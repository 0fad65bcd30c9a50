"""Linux's notices of changed folders: silent when nothing happens, and never led elsewhere by a link.

Written here because the library at hand follows links when it watches a tree, wakes up many times a
second to check for notices, and does not report when notices were lost.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_HEADER = struct.Struct("iIII")
_READ_BYTES = 64 * 1024

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLY_FOLDERS, _NO_LINKS, _NOT_UNLINKED = 0x1000000, 0x2000000, 0x4000000
_MASK = (
    _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
) | (_ONLY_FOLDERS | _NO_LINKS | _NOT_UNLINKED)
_FOLDER_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES})


@dataclass(frozen=True, slots=True)
class Notice:
    """Something changed in a watched folder.

    Attributes:
        folder: The watched folder, under the path it was watched by; None when notices were lost.
        name: What changed in it; empty when it is the folder itself.
    """

    folder: str | None
    name: str


class Inotify:
    """A set of watched folders (not what lies below them); a file descriptor becomes readable on a change."""

    def __init__(self) -> None:
        """Open it.

        Raises:
            OSError: The kernel has none to give.
        """
        self._descriptor: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise _last_error("inotify_init1")
        self._folders: dict[int, str] = {}

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._descriptor

    def close(self) -> None:
        """Forget all folders; closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def watch(self, folder: Path) -> None:
        """Watch one more folder; again is harmless, and so is one that vanished or is a link.

        Raises:
            OSError: The limit of watches is reached (ENOSPC).
        """
        watch: int = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _MASK)
        if watch >= 0:
            self._folders[watch] = str(folder)
        elif ctypes.get_errno() not in _FOLDER_VANISHED:
            raise _last_error(str(folder))

    def notices(self) -> Iterator[Notice]:
        """What happened since the last call, without waiting."""
        while True:
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size + length
                name = os.fsdecode(data[at - length : at].rstrip(b"\0"))
                if mask & _OVERFLOW:
                    yield Notice(None, "")
                elif (folder := self._folders.get(watch)) is not None:
                    self._forget_if_gone(watch, mask)
                    yield Notice(folder, name)

    def _forget_if_gone(self, watch: int, mask: int) -> None:
        if mask & _MOVE_SELF:  # it goes on telling of a folder that is not under this path any more
            _libc.inotify_rm_watch(self._descriptor, watch)
        if mask & _IGNORED:
            self._folders.pop(watch, None)


def _last_error(about: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), about)
