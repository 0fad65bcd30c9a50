"""Names of packages."""

import re

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")

NODE_NAME = r"(?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*"
"""Pattern of the name of a package of Node.js. Source: npm: validate-npm-package-name."""
NODE_VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
"""Pattern of one version of such a package."""


def canonical_name(name: str) -> str:
    """A name of Python in lower case with `-` between its parts (PEP 503); empty for what is no name."""
    return _SEPARATORS.sub("-", name).lower() if _NAME.fullmatch(name) else ""
