"""The messages between runner and launcher: one message a packet, numbers first, then texts.

A request is (kind, run number, a number), then the texts, each ended by the next NUL: no argument, path
or variable can hold one. The descriptors of a spawn request travel beside it. This module imports the
standard library only: the launcher has to start fast.
"""

import os
import struct
from collections.abc import Mapping, Sequence

HEADER = struct.Struct("<BIi")
LARGEST_PACKET = 64 * 1024

# Requests. The number: how many arguments; -; the signal; -; -, the text is an instant.
SPAWN, SPAWN_FROM_FILE, SIGNAL, KILL, LIMIT = 1, 2, 3, 4, 5
# Replies. The number: the pid; the errno; the exit code, or the signal as a negative number. The texts of the
# last: CPU seconds, peak memory in bytes, then what was left over.
STARTED, NOT_STARTED, EXITED = 1, 2, 3


def spawn_request(
    run: int, argv: Sequence[str], cwd: str, env: Mapping[str, str]
) -> tuple[bytes, int | None]:
    """Build the packet that starts a process, and the file that carries its body if it is too large.

    Raises:
        ValueError: a text holds a NUL, or a variable's name is empty or holds `=`.
    """
    for name in env:
        if not name or "=" in name:
            raise ValueError(f"{name!r} cannot be the name of an environment variable")
    texts = [cwd, *argv, *(f"{name}={value}" for name, value in env.items())]
    body = "\0".join(texts).encode("utf-8", "surrogateescape")
    if body.count(b"\0") != len(texts) - 1:
        raise ValueError("an argument or environment variable holds a NUL character")
    if len(body) < LARGEST_PACKET:
        return HEADER.pack(SPAWN, run, len(argv)) + body, None
    file = os.memfd_create("spawn-request", os.MFD_CLOEXEC)
    with open(os.dup(file), "wb") as writer:
        writer.write(body)
    return HEADER.pack(SPAWN_FROM_FILE, run, len(argv)), file


def spawn_body(body: bytes, argc: int) -> tuple[bytes, list[bytes], dict[bytes, bytes]]:
    """Take the body of a spawn request apart: working folder, arguments, environment."""
    cwd, *texts = body.split(b"\0")
    env = {}
    for text in texts[argc:]:
        name, _, value = text.partition(b"=")
        env[name] = value
    return cwd, texts[:argc], env


def packet(kind: int, run: int, number: int = 0, text: str = "") -> bytes:
    """Build any other packet; a text that holds several has them separated by NUL."""
    return HEADER.pack(kind, run, number) + text.encode("utf-8", "replace")


def exited_packet(
    run: int, code: int, cpu_seconds: float, peak_memory_bytes: int, leftovers: Sequence[str]
) -> bytes:
    """Build the packet about a run of which no process is left."""
    return packet(EXITED, run, code, "\0".join((f"{cpu_seconds:.6f}", str(peak_memory_bytes), *leftovers)))


def exited_body(body: bytes) -> tuple[float, int, tuple[str, ...]]:
    """Take the body of such a packet apart: CPU seconds, peak memory in bytes, leftovers."""
    cpu_seconds, peak_memory_bytes, *leftovers = body.decode("utf-8", "replace").split("\0")
    return float(cpu_seconds), int(peak_memory_bytes), tuple(leftovers)


def parse_packet(data: bytes) -> tuple[int, int, int, bytes]:
    """Take a packet apart: kind, run number, number, body."""
    return (*HEADER.unpack_from(data), data[HEADER.size :])
