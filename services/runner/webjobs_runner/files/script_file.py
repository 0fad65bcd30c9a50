"""Reads and cleans the chosen script of a job; blocks, and is quick for a file of usual size."""

import os
import time
from functools import lru_cache
from pathlib import Path

from webjobs_rules.script_text import LONGEST, cleaned, may_need_cleaning
from webjobs_rules.shebang import HEAD_BYTES, Shebang, names_interpreter, parse_shebang

from webjobs_runner.files.folder_walk import CLOCK_GRAIN_NS

_ELF = b"\x7fELF"


def shebang_of(script: Path | str) -> Shebang | None:
    """The interpreter that a file names in its first line; None when it names none, or cannot be read.

    A file that has not changed since it was read is not read again.
    """
    try:
        status = os.stat(script)
    except OSError:
        return None
    if status.st_ctime_ns + CLOCK_GRAIN_NS > time.time_ns():  # the next change may bear the same times
        return parse_shebang(_head(script))
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _known_shebang(str(script), facts)


@lru_cache(maxsize=1024)
def _known_shebang(script: str, _facts: tuple[int, ...]) -> Shebang | None:
    return parse_shebang(_head(script))


def is_program(script: Path) -> bool:
    """Whether a file without extension can be run: it is executable, or names its interpreter."""
    try:
        executable = os.access(script, os.X_OK)
    except OSError:
        return False
    return script.is_file() and (executable or names_interpreter(_head(script)))


def is_binary(script: Path | str) -> bool:
    """Whether a file is machine code."""
    return _head(script).startswith(_ELF)


def cleaning_of(folder: Path, script: str) -> str:
    """A sentence saying what is cleaned in the working copy of a script; empty when nothing is."""
    content = _content(folder / script)
    return cleaned(script, content)[1] if content is not None else ""


def clean_script(folder: Path, script: str) -> str:
    """Clean a script in a working copy; returns a sentence saying what was done, empty if nothing was."""
    content = _content(folder / script)
    if content is None:
        return ""
    text, warning = cleaned(script, content)
    if warning:
        (folder / script).write_bytes(text)  # the same file, so that its permissions stay
    return warning


def _content(script: Path) -> bytes | None:
    if not may_need_cleaning(script.name):
        return None
    try:
        if script.stat().st_size > LONGEST:
            return None
        return script.read_bytes()
    except OSError:
        return None


def _head(script: Path | str) -> bytes:
    try:
        with open(script, "rb", buffering=0) as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
