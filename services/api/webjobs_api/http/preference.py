"""How long a client wants to wait, by its header `Prefer` (RFC 7240); pure."""

import re
from typing import NamedTuple

_MOST_DIGITS = 6


class Preference(NamedTuple):
    """What was asked for."""

    seconds: float | None = None
    """To wait at most; None: as long as is usual."""
    applied: str = ""
    """The value of `Preference-Applied`; empty when nothing was asked for."""


def preference_of(header: str) -> Preference:
    """Returns what a header asks for: `respond-async`, `wait=10` or both; other words mean nothing."""
    words: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.partition(";")[0].partition("=")
        words.setdefault(name.strip().lower(), value.strip().strip('"'))
    wait = words.get("wait", "")
    if re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", wait):
        applied = f"respond-async, wait={wait}" if "respond-async" in words else f"wait={wait}"
        return Preference(float(wait), applied)
    return Preference(0.0, "respond-async") if "respond-async" in words else Preference()
