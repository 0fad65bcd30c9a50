"""Which packages of Node.js may run scripts of theirs when they are installed; pure.

`allowScripts` of a package.json is npm's own list: a name, or a name with exact versions joined by `||`, and
true or false. npm reads the version that it compares from addresses of the lock, which are not used here; so
the list is compared with the lock itself, whose hashes say what each package is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from webjobs_rules.dependencies.names import NODE_VERSION, is_node_name
from webjobs_rules.dependencies.refusal import refused
from webjobs_rules.errors import DependenciesRefused

ALLOW_SCRIPTS = "allowScripts"

_VERSION = re.compile(f"v?{NODE_VERSION}")
_FOLDER = "node_modules/"


def listed_packages(allow: object) -> list[str]:
    """The entries of `allowScripts` that allow something, in their order; of what is no such list, none."""
    return [key for key, value in allow.items() if value is True] if isinstance(allow, dict) else []


def packages_with_scripts(packages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name and version of each package in a lock that has a script for its installation, in order."""
    return sorted({f"{name}@{version}" for name, version in _with_scripts(packages)})


def allowed_scripts(allow: object, packages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name and version of each package in a lock that may run its scripts, in order.

    Raises:
        DependenciesRefused: The list has an entry that npm does not read either.
    """
    if not isinstance(allow, dict):
        raise _refused("is not an object")
    rules = [(*_entry(key), _flag(key, value)) for key, value in allow.items()]
    allowed = set()
    for name, version in _with_scripts(packages):
        found = {flag for of, versions, flag in rules if of == name and (not versions or version in versions)}
        if found == {True}:  # a denial wins
            allowed.add(f"{name}@{version}")
    return sorted(allowed)


def _with_scripts(packages: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for path, entry in packages.items():
        # A package that another one brings inside it runs no scripts.
        if path and entry.get("hasInstallScript") is True and not entry.get("inBundle"):
            yield str(entry.get("name") or path.rpartition(_FOLDER)[2]), str(entry.get("version", ""))


def _entry(key: str) -> tuple[str, frozenset[str]]:
    at = key.find("@", 1)
    name, versions = (key, "") if at < 0 else (key[:at], key[at + 1 :])
    exact = [each.strip() for each in versions.split("||")]
    if versions.strip() in ("", "*"):
        exact = []
    if not is_node_name(name) or not all(map(_VERSION.fullmatch, exact)):
        raise _refused(f"has {key[:80]!r}: write a name, or a name with exact versions such as name@1.2.3")
    return name, frozenset(each.removeprefix("v") for each in exact)


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refused(f"has {key[:80]!r}, which is neither true nor false")
    return value


def _refused(reason: str) -> DependenciesRefused:
    return refused(f"{ALLOW_SCRIPTS} of package.json", reason)
