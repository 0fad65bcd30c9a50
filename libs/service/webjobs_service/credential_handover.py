"""Keeps a service's credentials out of what other processes of its user can read.

Such a process, a job's script for example, may read the environment that any process of the user was started
with, and the memory of most. So credentials come on an inherited descriptor rather than by the environment;
those that do come by it are erased; and the kernel is asked to close the process to others.
"""

import ctypes
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

DESCRIPTOR = "WEBJOBS_CREDENTIALS_FD"
"""Variable with the number of the descriptor on which the parent process hands over credentials."""

_PR_SET_DUMPABLE = 4
# Places of the addresses in /proc/<pid>/stat, counted from the state, which is field 3.
_ENV_START, _ENV_END = 50 - 3, 51 - 3


class BadHandOver(Exception):
    """What the parent process handed over cannot be read as credentials."""


def hand_over(credentials: Mapping[str, str]) -> int:
    """A descriptor from which a child process reads these variables with `receive_credentials`.

    The caller closes it once the child has inherited it.
    """
    reader, writer = os.pipe()
    with open(writer, "wb") as written:
        written.write(json.dumps(dict(credentials)).encode())
    return reader


def receive_credentials() -> dict[str, str]:
    """The variables that the parent process handed over, by name; none if it did not. Works once.

    Raises:
        BadHandOver: The descriptor is not open, or its content is not an object of texts.
    """
    number = os.environ.pop(DESCRIPTOR, "")
    if not number:
        return {}
    try:
        with open(int(number), "rb") as source:
            received = json.loads(source.read())
    except (OSError, ValueError) as error:
        raise BadHandOver(
            f"{DESCRIPTOR}={number[:20]!r} is no descriptor with credentials: {error}"
        ) from error
    if not isinstance(received, dict) or not all(isinstance(value, str) for value in received.values()):
        raise BadHandOver(f"{DESCRIPTOR}={number[:20]!r} does not lead to a JSON object of texts")
    return received


def erase_variables(names: Collection[str]) -> None:
    """Remove variables from the environment, and their values from what /proc/<pid>/environ shows."""
    for name in names:
        os.environ.pop(name, None)
    begin, end = _initial_environment()
    at = begin
    for entry in ctypes.string_at(begin, end - begin).split(b"\0"):
        variable, _, value = entry.partition(b"=")
        if os.fsdecode(variable) in names:
            ctypes.memset(at + len(variable) + 1, 0, len(value))
        at += len(entry) + 1


def close_to_others() -> None:
    """Let no process but root's read this one's environment, memory and descriptors, nor trace it."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _initial_environment() -> tuple[int, int]:
    """Addresses of the memory that /proc/<pid>/environ shows; both 0 where /proc does not show them."""
    try:
        stat = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(stat[_ENV_START]), int(stat[_ENV_END])
    except (OSError, ValueError, IndexError):
        return 0, 0
