"""Reads /proc about processes that are not children of this one, such as those of a killed stack."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not: it waits for a parent that may never collect it."""
    return _state(pid) not in (None, "Z", "X")


def processes_in(folder: Path) -> list[int]:
    """Pids of running processes whose working directory is this folder, by whatever path they entered it."""
    try:
        wanted = os.stat(folder)
    except OSError:
        return []
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(_PROC / str(pid) / "cwd"), wanted):
                found.append(pid)
    return found


def holders_of_lock(descriptor: int) -> list[int]:
    """Pids of the processes that hold the lock on this open file; one that only has it open waits for it."""
    file = os.fstat(descriptor)
    found = []
    for pid in _pids():
        process = _PROC / str(pid)
        with contextlib.suppress(OSError):
            for opened in os.listdir(process / "fd"):
                if (
                    os.path.samestat(os.stat(process / "fd" / opened), file)
                    and "lock:" in (process / "fdinfo" / opened).read_text()
                ):
                    found.append(pid)
                    break
    return found


def processes_with_argument(argument: str) -> list[int]:
    """Pids of running processes with this word in their command line, which is readable for everyone."""
    wanted = os.fsencode(argument)
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if wanted in (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def _pids() -> Iterator[int]:
    for name in os.listdir(_PROC):
        if name.isdigit():
            yield int(name)


def _state(pid: int) -> str | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in parentheses may itself contain blanks and parentheses.
    return text.rpartition(")")[2].split()[0]
