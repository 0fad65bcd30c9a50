"""What package.json and package-lock.json say, made a lock that names no address; pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from webjobs_rules.dependencies.install_scripts import ALLOW_SCRIPTS, allowed_scripts, packages_with_scripts
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesRefused

PACKAGE_JSON, PACKAGE_LOCK, SHRINKWRAP = "package.json", "package-lock.json", "npm-shrinkwrap.json"

_KEPT = (
    "name",
    "version",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "peerDependencies",
    "overrides",
    ALLOW_SCRIPTS,
)
_TABLES = ("dependencies", "optionalDependencies", "devDependencies", "peerDependencies")
_RUNTIME = ("dependencies", "optionalDependencies")
_DEEPEST = 20  # overrides in overrides
_ADVICE = "Run npm install --package-lock-only, and deploy both files"
# An address, a path, a repository, an archive; of the schemes, only npm: means a registry.
_ELSEWHERE = re.compile(
    r"(?i)^\s*(?:(?!npm:)[a-z][a-z0-9+.-]*:|git@|[./~\\]|[\w.-]+/[\w.-]+)|\.(?:tgz|tar|tar\.gz)\s*$"
)
_ALIAS = re.compile(r"(?i)^\s*npm:((?:@[^/@]+/)?[^/@]+)(?:@(.*))?$")
_FOLDER = r"node_modules/(?:@[^/]+/)?(?!\.{1,2}(?:/|$))[^/@][^/]*"
_PLACE = re.compile(rf"{_FOLDER}(?:/{_FOLDER})*")
_HASH = re.compile(r"(?:sha(?:1|256|384|512)-\S+\s*)+")


def read_package(text: str) -> dict[str, Any]:
    """What npm needs of a `package.json`, and which scripts of packages it allows; its own are not in it.

    Raises:
        DependenciesRefused: It is not such a file, or takes packages from elsewhere than a registry.
    """
    package = _object(text, PACKAGE_JSON)
    if package.get("workspaces"):
        raise _refused(PACKAGE_JSON, "has workspaces. Deploy the job as a package of its own")
    kept = {name: package[name] for name in _KEPT if package.get(name) is not None}
    for table in _TABLES:
        if not isinstance(kept.get(table, {}), dict):
            raise _refused(
                PACKAGE_JSON, f"has {table} that are not an object. Write names with versions in it"
            )
        for name, version in list(kept.get(table, {}).items()):
            if not isinstance(version, str):
                raise _refused(
                    PACKAGE_JSON, f"has a version of {name[:60]} that is not a text. Write it in quotes"
                )
            if not is_from_elsewhere(version):
                continue
            if table == "devDependencies":  # never installed
                del kept[table][name]
                continue
            raise _refused(
                PACKAGE_JSON,
                f"takes {name[:60]} from elsewhere than a registry. Name a version, or put the package "
                "into node_modules of the job",
            )
    _check_overrides(kept.get("overrides", {}))
    return {"name": "job", "version": "0.0.0", **kept}


def is_from_elsewhere(version: str) -> bool:
    """Whether what stands for a version is an address, a path or a repository."""
    alias = _ALIAS.match(version)
    return bool(_ELSEWHERE.search((alias[2] or "") if alias else version))


def _check_overrides(overrides: object, depth: int = 0) -> None:
    if not isinstance(overrides, dict) or depth > _DEEPEST:
        raise _refused(
            PACKAGE_JSON, "has overrides that are not an object of names and versions. Correct them"
        )
    for name, value in overrides.items():
        if isinstance(value, str):
            if is_from_elsewhere(value):
                raise _refused(
                    PACKAGE_JSON,
                    f"overrides {name[:60]} from elsewhere than a registry. Name a version of it",
                )
        else:
            _check_overrides(value, depth + 1)


def has_packages(package: Mapping[str, Any]) -> bool:
    """Whether there is anything to install."""
    return any(package.get(table) for table in _RUNTIME)


def node_lock(package: Mapping[str, Any], lock_text: str, source: str = PACKAGE_LOCK) -> str:
    """The lock of a package: both files without addresses, in one text; `source` is the name of the second.

    Raises:
        DependenciesRefused: The lock is of an old form, was made for other dependencies, or has a package
            without a hash.
    """
    lock = _object(lock_text, source)
    packages = lock.get("packages")
    if lock.get("lockfileVersion") not in (2, 3) or not _has_tables(packages):
        raise _refused(source, f"is of a form that is not read. {_ADVICE} with npm 7 or newer")
    root = dict(packages.get("", {}))
    if not all(isinstance(root.get(table, {}), dict) for table in _TABLES):
        raise _refused(source, f"is of a form that is not read. {_ADVICE} with npm 7 or newer")
    if "devDependencies" in root:
        developing = root["devDependencies"].items()
        root["devDependencies"] = {name: each for name, each in developing if not _is_elsewhere(each)}
    differing = {
        name
        for table in _TABLES
        for name in {*root.get(table, {}), *package.get(table, {})}
        if root.get(table, {}).get(name) != package.get(table, {}).get(name)
    }
    if differing:
        named = ", ".join(sorted(differing)[:5])
        raise _refused(source, f"was made for other dependencies ({named[:200]}). {_ADVICE}")
    kept = {"": {name: value for name, value in root.items() if name != "resolved"}}
    for path, entry in packages.items():
        if path and (problem := _problem(path, entry)):
            if entry.get("dev") is True:  # never installed
                continue
            raise _refused(source, problem)
        if path:
            kept[path] = {name: value for name, value in entry.items() if name != "resolved"}
    lock = {"name": lock.get("name", "job"), "lockfileVersion": 3, "requires": True, "packages": kept}
    both: dict[str, Any] = {"package": package, "lock": lock}
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


def _is_elsewhere(version: object) -> bool:
    return not isinstance(version, str) or is_from_elsewhere(version)


def _problem(path: str, entry: Mapping[str, Any]) -> str:
    """Why an entry of a lock is not installed; empty when it is."""
    if entry.get("link") or not _PLACE.fullmatch(path):
        return f"takes {path[:100]} from a folder. Name a version of it"
    texts = (entry.get(name, "") for name in ("name", "version", "integrity"))
    if not all(isinstance(each, str) for each in texts):
        return f"has values of the wrong kind for {path[:100]}. {_ADVICE}"
    if not entry.get("inBundle") and not _HASH.fullmatch(entry.get("integrity", "")):
        return f"has no hash for {path[:100]}. {_ADVICE}"
    return ""


def _has_tables(value: object) -> TypeGuard[dict[str, dict[str, Any]]]:
    return isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())


def _object(text: str, source: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(source, f"is not JSON: {error}. Correct it") from error
    if not isinstance(found, dict):
        raise _refused(source, "is not a JSON object. Correct it")
    return found


def _refused(source: str, reason: str) -> DependenciesRefused:
    return DependenciesRefused(PreparationStage.READ, f"{source} {reason}.")
