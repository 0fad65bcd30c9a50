"""Names that a person may have meant by one that is not known; pure."""

import difflib
from collections.abc import Iterable

_LONGEST = 64  # characters; what is longer is no slip of the pen, and comparing it takes long


def similar_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, whatever its case; None when none is near."""
    if len(name) > _LONGEST:
        return None
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None
