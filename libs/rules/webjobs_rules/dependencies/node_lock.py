"""What package.json and package-lock.json say, made a lock that names no address; pure.

What else a lock says of a package is not passed on: npm takes addresses also from fields that it does not
write.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from webjobs_rules.dependencies.install_scripts import ALLOW_SCRIPTS, allowed_scripts, packages_with_scripts
from webjobs_rules.dependencies.names import NODE_NAME, is_node_name, is_node_version
from webjobs_rules.dependencies.node_package import (
    PACKAGE_JSON,
    is_from_elsewhere,
    json_object,
    tables_of,
)
from webjobs_rules.dependencies.refusal import refused

PACKAGE_LOCK, SHRINKWRAP = "package-lock.json", "npm-shrinkwrap.json"

_MODULES = "node_modules/"
_PLACE = re.compile(rf"{_MODULES}{NODE_NAME}(?:/{_MODULES}{NODE_NAME})*")
_HASH = r"sha(?:1|256|384|512)-[^\s]+"
_HASHES = re.compile(rf"\s*{_HASH}(?:\s+{_HASH})*\s*")
_ADVICE = "Run npm install --package-lock-only, and deploy both files"


class _Entry(msgspec.Struct, rename="camel", omit_defaults=True):
    """What npm installs a package by. What is `Any` decides only whether, or how, it is linked."""

    version: str = ""
    name: str | None = None
    integrity: str = ""
    dependencies: dict[str, str] = {}
    optional_dependencies: dict[str, str] = {}
    peer_dependencies: dict[str, str] = {}
    peer_dependencies_meta: dict[str, Any] = {}
    bundle_dependencies: list[str] | bool = False
    in_bundle: bool = False
    has_install_script: bool = False
    optional: bool = False
    dev_optional: bool = False
    peer: bool = False
    engines: Any = None
    os: Any = None
    cpu: Any = None
    libc: Any = None
    bin: Any = None

    @property
    def tables(self) -> Sequence[Mapping[str, str]]:
        """What this package asks for: versions by name."""
        return self.dependencies, self.optional_dependencies, self.peer_dependencies


def node_lock(package: Mapping[str, Any], lock_text: str, source: str = PACKAGE_LOCK) -> str:
    """The lock of a package: both files without addresses, in one text; `source` is the name of the second.

    Args:
        package: What `read_package` returned.
        lock_text: Content of the lock.
        source: Its name.

    Raises:
        DependenciesRefused: The lock is of an old form, was made for other dependencies, or has a package
            without a hash or from elsewhere than a registry.
    """
    lock = json_object(lock_text, source)
    packages = lock.get("packages")
    if lock.get("lockfileVersion") not in (2, 3) or not isinstance(packages, dict):
        raise refused(source, f"is of a form that is not read. {_ADVICE} with npm 7 or newer")
    root = packages.get("", {})
    _check_root(package, root if isinstance(root, dict) else {}, source)
    entries = {
        path: _entry_of(path, found, source)
        for path, found in packages.items()
        if path and not _is_for_development(found)
    }
    bundled = _bundled(entries)
    for path, entry in entries.items():
        entry.in_bundle = path in bundled
        if path not in bundled and not _HASHES.fullmatch(entry.integrity):
            raise refused(source, f"has no hash for {path[:100]}. {_ADVICE}")
    kept = {path: msgspec.to_builtins(entry) for path, entry in entries.items()}
    asked = {name: value for name, value in package.items() if name not in (ALLOW_SCRIPTS, "overrides")}
    locked = {"name": "job", "lockfileVersion": 3, "requires": True, "packages": {"": asked, **kept}}
    both: dict[str, Any] = {"package": package, "lock": locked}
    if ALLOW_SCRIPTS in package:
        both["scripts"] = allowed_scripts(package[ALLOW_SCRIPTS], kept)
    return json.dumps(both, indent=1, sort_keys=True) + "\n"


def files_of_lock(text: str) -> dict[str, bytes]:
    """The two files that npm installs from."""
    both = json.loads(text)
    package = {key: value for key, value in both["package"].items() if key != ALLOW_SCRIPTS}
    allowed = {each.rpartition("@")[0]: True for each in both.get("scripts", ())}
    return {
        PACKAGE_JSON: json.dumps({**package, **({ALLOW_SCRIPTS: allowed} if allowed else {})}).encode(),
        PACKAGE_LOCK: json.dumps(both["lock"]).encode(),
    }


def scripts_of_lock(text: str) -> tuple[list[str], list[str]]:
    """Name and version of the packages that run scripts at installation, and of those that may not."""
    both = json.loads(text)
    allowed = both.get("scripts", [])
    having = packages_with_scripts(both["lock"]["packages"])
    return allowed, [each for each in having if each not in allowed]


def _check_root(package: Mapping[str, Any], root: Mapping[str, Any], source: str) -> None:
    asked, locked = tables_of(package, PACKAGE_JSON), tables_of(root, source)
    differing = {
        name
        for table in asked.keys() | locked.keys()
        for name, _ in asked.get(table, {}).items() ^ locked.get(table, {}).items()
    }
    if differing:
        named = ", ".join(sorted(differing)[:5])
        raise refused(source, f"was made for other dependencies ({named[:200]}). {_ADVICE}")


def _is_for_development(found: object) -> bool:
    return isinstance(found, dict) and found.get("dev") is True


def _entry_of(path: str, found: object, source: str) -> _Entry:
    if not _PLACE.fullmatch(path) or (isinstance(found, dict) and found.get("link")):
        raise refused(source, f"takes {path[:100]} from a folder. Name a version of it")
    try:
        entry = msgspec.convert(found, _Entry)
    except msgspec.ValidationError as error:
        raise refused(source, f"has values of the wrong kind for {path[:100]}: {error}. {_ADVICE}") from error
    if not is_node_version(entry.version):
        raise refused(source, f"has no exact version for {path[:100]}. {_ADVICE}")
    if entry.name is not None and not is_node_name(entry.name):
        raise refused(source, f"has no name of a package for {path[:100]}. {_ADVICE}")
    for name, version in (each for table in entry.tables for each in table.items()):
        if is_from_elsewhere(version) or not is_node_name(name):
            raise refused(
                source, f"takes {name[:60]}, which {path[:100]} asks for, from elsewhere than a registry"
            )
    return entry


def _bundled(entries: Mapping[str, _Entry]) -> set[str]:
    """The places of the packages that others bring inside them, for which a lock has no hash.

    That is what a package names as bundled, what is below it, and what one of those asks for and finds beside
    it. What `inBundle` says is not asked: npm does not ask it either.
    """
    inside: dict[str, dict[str, str]] = {}
    for path in entries:
        parent, _, name = path.rpartition(_MODULES)
        inside.setdefault(parent.rstrip("/"), {})[name] = path
    bundled: set[str] = set()
    for bundler in sorted(entries, key=len):
        listed = entries[bundler].bundle_dependencies
        if bundler in bundled or not isinstance(listed, list):
            continue
        beside = inside.get(bundler, {})
        waiting = [beside[name] for name in listed if name in beside]
        while waiting:
            path = waiting.pop()
            if path in bundled:
                continue
            bundled.add(path)
            waiting += inside.get(path, {}).values()
            waiting += (beside[name] for table in entries[path].tables for name in table if name in beside)
    return bundled
