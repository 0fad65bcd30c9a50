"""Names of packages."""

import re

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")

NODE_NAME = r"(?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*"
"""Pattern of the name of a package of Node.js. Source: npm: validate-npm-package-name."""
NODE_VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
"""Pattern of one version of such a package."""

_NODE_NAME, _NODE_VERSION = re.compile(NODE_NAME), re.compile(NODE_VERSION)


def canonical_name(name: str) -> str:
    """A name of Python in lower case with `-` between its parts (PEP 503); empty for what is no name."""
    return _SEPARATORS.sub("-", name).lower() if _NAME.fullmatch(name) else ""


def is_node_name(text: str) -> bool:
    """Whether a text is the name of a package of Node.js."""
    return _NODE_NAME.fullmatch(text) is not None


def is_node_version(text: str) -> bool:
    """Whether a text is one exact version of a package of Node.js."""
    return _NODE_VERSION.fullmatch(text) is not None
