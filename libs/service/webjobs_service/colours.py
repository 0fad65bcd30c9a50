"""Whether output is coloured: on a terminal, unless NO_COLOR or FORCE_COLOR in the environment decide."""

import os
from collections.abc import Mapping
from typing import TextIO


def has_colours(output: TextIO, environment: Mapping[str, str] | None = None) -> bool:
    """Whether to colour what is written to `output`.

    NO_COLOR (any value) forbids it, and wins. FORCE_COLOR (any value but 0) demands it for output that is
    redirected, too. Empty variables count as unset.
    """
    given = os.environ if environment is None else environment
    if given.get("NO_COLOR"):
        return False
    forced = given.get("FORCE_COLOR")
    if forced:
        return forced != "0"
    return output.isatty() and given.get("TERM") != "dumb"
