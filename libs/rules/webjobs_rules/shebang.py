"""The first line of a script that names its interpreter: `#!/usr/bin/env python3`; pure."""

import shlex
from dataclasses import dataclass

HEAD_BYTES = 1024
"""Of a script, in which its first line is looked for."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPLIT = ("-S", "--split-string")


@dataclass(frozen=True, slots=True)
class Shebang:
    """An interpreter and what follows it.

    Attributes:
        program: As written, a path or a bare name; behind `env` the name that it looks for.
        arguments: Between the program and the script.
    """

    program: str
    arguments: tuple[str, ...] = ()

    @property
    def programs(self) -> tuple[str, ...]:
        """Where to look, in order: the path as written, then its bare name on the PATH."""
        bare = self.program.rpartition("/")[2]
        return (self.program, bare) if bare and bare != self.program else (self.program,)


def names_interpreter(head: bytes) -> bool:
    """Whether a file that begins so is a script that names its interpreter."""
    return head.removeprefix(_BYTE_ORDER_MARK).startswith(b"#!")


def parse_shebang(head: bytes) -> Shebang | None:
    """Returns what the first line of a file names; None when it names nothing.

    A byte order mark and a Windows line end do not matter. Unlike in the kernel, several arguments are
    several, with `env -S` and without.
    """
    head = head.removeprefix(_BYTE_ORDER_MARK)
    if not head.startswith(b"#!"):
        return None
    line = head[2:].split(b"\n", 1)[0].strip().decode("utf-8", "surrogateescape")
    words = _words(line)
    if words and words[0].rpartition("/")[2] == "env":
        words = _behind_env(words)
    if not words or "\0" in line:
        return None
    return Shebang(words[0], tuple(words[1:]))


def _behind_env(words: list[str]) -> list[str]:
    """The command line that `env` runs; itself where it has options or sets variables."""
    rest = words[1:]
    if rest and rest[0] in _SPLIT:
        rest = rest[1:]
    elif rest and rest[0].startswith("-S"):
        rest = [rest[0][2:], *rest[1:]]
    if rest and not rest[0].startswith("-") and "=" not in rest[0]:
        return rest
    return ["env", *rest] if rest else []


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that does not end
        return line.split()
