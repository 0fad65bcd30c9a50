"""What a script reports of its run in two files: its result, and how far it is; pure."""

import math
import re
from typing import Any

import msgspec

RESULT_FILE = "result.json"
"""Name of the file with the result, in the folder of the run; WEBJOBS_RESULT_FILE is its path."""

PROGRESS_FILE = "progress.txt"
"""Name of the file with the progress, in the folder of the run; WEBJOBS_PROGRESS_FILE is its path."""

MAX_RESULT_BYTES = 1024 * 1024
"""Of the file; a larger one is no result."""

MAX_EVENT_RESULT_BYTES = 4 * 1024
"""Of the result in the final event, as compact JSON; a larger one stays in its file."""

PROGRESS_TAIL_BYTES = 4 * 1024
"""Of the end of the file, in which its last line is looked for."""

MAX_PROGRESS_TEXT = 200
"""Characters; the rest is cut."""

_SHARE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(%?)")
_LEAST_STEP = 0.01
_LEAST_SECONDS = 2.0
_SHARE_OF_TIME = 0.01


class Result(msgspec.Struct, frozen=True):
    """A result that is valid.

    Attributes:
        value: The JSON value; None when it is too large for an event.
        size: Bytes of the file.
    """

    value: Any
    size: int


class Progress(msgspec.Struct, frozen=True):
    """How far a script is: a share from 0 to 1, and what it does, which may be empty."""

    share: float
    text: str = ""


def result_of(data: bytes) -> Result | str:
    """Returns the result in a file, or a sentence that says why there is none."""
    if len(data) > MAX_RESULT_BYTES:
        return f"The result has more than {MAX_RESULT_BYTES:,} bytes, which is the limit: keep it elsewhere."
    try:
        value = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))  # as Windows programs begin it
        compact = msgspec.json.encode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        return f"The result is not valid JSON: {str(error).rstrip('.')}. Write one JSON value in UTF-8."
    return Result(value if len(compact) <= MAX_EVENT_RESULT_BYTES else None, len(data))


def progress_of(tail: bytes, *, is_over: bool) -> Progress | str | None:
    """Returns what the last line says, a sentence that says what is wrong with it, or None without a line.

    Args:
        tail: The end of the file.
        is_over: Whether a last line without a line end is whole.
    """
    *lines, unfinished = tail.decode("utf-8", "replace").split("\n")
    if is_over:
        lines.append(unfinished)
    line = next((line for line in reversed(lines) if line.strip()), None)
    return None if line is None else _progress_in(line)


def _progress_in(line: str) -> Progress | str:
    word, *rest = line.split(maxsplit=1)
    match = _SHARE.fullmatch(word)
    share = float(match[1]) / (100 if match[2] else 1) if match else math.inf
    if match is None or share > 1:
        return f"The progress {_printable(line, 60)!r} cannot be read: write lines such as 0.4 loading."
    return Progress(share, _printable("".join(rest), MAX_PROGRESS_TEXT))


def is_worth_an_event(before: Progress | None, now: Progress, *, since: float, elapsed: float) -> bool:
    """Returns whether a change of the progress becomes an event.

    It does at a change of one percent or of the text, at most every 2 s, and more rarely the longer the run
    goes on: a run of hours has some hundred events, not thousands.

    Args:
        before: The progress in the last event; None: there was none.
        now: As it is now.
        since: Seconds since the last event.
        elapsed: Seconds since the start of the script.
    """
    if before is None:
        return True
    changed = abs(now.share - before.share) >= _LEAST_STEP or now.text != before.text
    return changed and since >= max(_LEAST_SECONDS, _SHARE_OF_TIME * elapsed)


def _printable(text: str, most: int) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:most].strip()
