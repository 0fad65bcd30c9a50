"""Lets two folders change places in one step, and brings a file system to disk."""

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV})
_libc = ctypes.CDLL(None, use_errno=True)


def swap_folders(one: Path, other: Path) -> bool:
    """Let two paths of one file system change places in a single step; False where that is not possible."""
    try:
        renameat2 = _libc.renameat2
    except AttributeError:
        return False
    arguments = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if renameat2(*arguments) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def flush_disk(folder: Path) -> None:
    """Bring the file system of a folder to disk: a power cut must not leave empty files under new names."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)
