"""The packages that a lock names; pure."""

import re
from typing import NamedTuple

import msgspec

_PINNED = re.compile(
    r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)[ \t]*(?:;[ \t]*([^\\\n]*))?"
)
_REQUIRES = re.compile(r"(?m)^# requires-python: (.*)$")
_NODE_FOLDER = "node_modules/"


class LockedPackage(NamedTuple):
    """A package with its version."""

    name: str
    version: str
    marker: str = ""
    """Where it is installed, such as `python_full_version < '3.12'`; empty: everywhere."""


class Lock(NamedTuple):
    """What a lock says."""

    packages: tuple[LockedPackage, ...] = ()
    """In order of name."""
    requires_python: str = ""
    """Versions of Python that it is for; empty for packages of JavaScript."""


class _NodePackage(msgspec.Struct, frozen=True):
    version: str = ""


class _PackageLock(msgspec.Struct, frozen=True):
    packages: dict[str, _NodePackage] = {}


class _NodeLock(msgspec.Struct, frozen=True):
    lock: _PackageLock = _PackageLock()


_node = msgspec.json.Decoder(_NodeLock)


def read_lock(text: str) -> Lock:
    """Returns what a lock says, of Python or of JavaScript; of one that cannot be read, nothing."""
    if text.lstrip().startswith("{"):
        return Lock(tuple(sorted(set(_of_node(text)))))
    requires = _REQUIRES.search(text)
    found = {LockedPackage(name, version, marker.strip()) for name, version, marker in _PINNED.findall(text)}
    return Lock(tuple(sorted(found)), requires[1].strip() if requires else "")


def _of_node(text: str) -> list[LockedPackage]:
    try:
        packages = _node.decode(text).lock.packages
    except (msgspec.DecodeError, UnicodeEncodeError):
        return []
    return [
        LockedPackage(path.rpartition(_NODE_FOLDER)[2], each.version)
        for path, each in packages.items()
        if _NODE_FOLDER in path
    ]
