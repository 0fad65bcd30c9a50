"""Names of Python packages."""

import re

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")


def canonical_name(name: str) -> str:
    """A name in lower case with `-` between its parts (PEP 503); empty for what is no name."""
    return _SEPARATORS.sub("-", name).lower() if _NAME.fullmatch(name) else ""
