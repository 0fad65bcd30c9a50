"""What a package.json asks for, made a file that names no address; pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from webjobs_rules.dependencies.install_scripts import ALLOW_SCRIPTS
from webjobs_rules.dependencies.names import NODE_NAME, is_node_name
from webjobs_rules.dependencies.refusal import refused

PACKAGE_JSON = "package.json"

_INSTALLED = ("dependencies", "optionalDependencies")
_TABLES = (*_INSTALLED, "peerDependencies")
_DEVELOPMENT = "devDependencies"  # never installed
_DEEPEST = 20  # overrides in overrides
_ALIAS = re.compile(rf"\s*npm:{NODE_NAME}(?:@(.*))?")
# No version, range or tag has one of these; an address, a path, a repository or an archive has.
_ELSEWHERE = re.compile(r"[/:\\]|^\s*\.|\.(?:tgz|tar|tar\.gz)\s*$", re.IGNORECASE)

Tables = dict[str, dict[str, str]]
"""Versions by name, by the name of the table that has them."""


def read_package(package: Mapping[str, Any]) -> dict[str, Any]:
    """What npm needs of a `package.json`, and which scripts of packages it allows; its own are not in it.

    Empty when there is nothing to install.

    Raises:
        DependenciesRefused: It is of the wrong form, or takes packages from elsewhere than a registry.
    """
    if not any(package.get(table) for table in _INSTALLED):
        return {}
    if package.get("workspaces"):
        raise refused(PACKAGE_JSON, "has workspaces. Deploy the job as a package of its own")
    tables = tables_of(package, PACKAGE_JSON)
    for name, version in (each for table in tables.values() for each in table.items()):
        if is_from_elsewhere(version):
            raise refused(
                PACKAGE_JSON,
                f"takes {name[:60]} from elsewhere than a registry. Name a version, or put the package "
                "into node_modules of the job",
            )
    kept: dict[str, Any] = {"name": "job", "version": "0.0.0", **tables}
    if package.get("overrides"):
        kept["overrides"] = _overrides(package["overrides"], _versions_of(package, tables))
    if package.get(ALLOW_SCRIPTS) is not None:
        kept[ALLOW_SCRIPTS] = package[ALLOW_SCRIPTS]
    return kept


def unread_overrides(package: Mapping[str, Any]) -> str:
    """The field by which other tools than npm override versions, if a `package.json` has one; else empty."""
    pnpm = package.get("pnpm")
    if package.get("resolutions"):
        return "resolutions"
    return "pnpm.overrides" if isinstance(pnpm, dict) and pnpm.get("overrides") else ""


def tables_of(package: Mapping[str, Any], source: str) -> Tables:
    """The packages that are to be there at run time, as npm takes them: what is optional is only that.

    Raises:
        DependenciesRefused: They are not written as names with versions.
    """
    tables: Tables = {}
    for table in _TABLES:
        found = package.get(table) or {}
        if not isinstance(found, dict):
            raise refused(source, f"has {table} that are not an object. Write names with versions in it")
        for name, version in found.items():
            if not is_node_name(name):
                raise refused(
                    source, f"has {name[:60]!r} in {table}, which is no name of a package. Correct it"
                )
            if not isinstance(version, str):
                raise refused(source, f"has a version of {name[:60]} that is not a text. Write it in quotes")
        tables[table] = found
    optional = tables["optionalDependencies"]
    required = tables["dependencies"].items()
    tables["dependencies"] = {name: version for name, version in required if name not in optional}
    return {table: versions for table, versions in tables.items() if versions}


def is_from_elsewhere(version: str) -> bool:
    """Whether what stands for a version is an address, a path, a repository or an archive."""
    alias = _ALIAS.fullmatch(version)
    return bool(_ELSEWHERE.search((alias[1] or "") if alias else version))


def json_object(text: str, source: str) -> dict[str, Any]:
    """A file of JSON, as npm reads it.

    Raises:
        DependenciesRefused: It is no object.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be
    except (ValueError, RecursionError) as error:
        raise refused(source, f"is not JSON: {error}. Correct it") from error
    if not isinstance(found, dict):
        raise refused(source, "is not a JSON object. Correct it")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it has no {name}")


def _versions_of(package: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    """What `$name` in overrides stands for."""
    developing = package.get(_DEVELOPMENT)
    versions: dict[str, Any] = dict(developing) if isinstance(developing, dict) else {}
    for table in tables.values():
        versions |= table
    return versions


def _overrides(overrides: object, versions: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Overrides in which each `$name` is the version that it stands for."""
    if not isinstance(overrides, dict) or depth > _DEEPEST:
        raise refused(
            PACKAGE_JSON, "has overrides that are not an object of names and versions. Correct them"
        )
    kept: dict[str, Any] = {}
    for name, value in overrides.items():
        if not isinstance(value, str):
            kept[name] = _overrides(value, versions, depth + 1)
            continue
        version = versions.get(value[1:]) if value.startswith("$") else value
        if not isinstance(version, str):
            raise refused(
                PACKAGE_JSON,
                f"overrides {name[:60]} with {value[:60]}, which is none of its dependencies. Name a version",
            )
        if is_from_elsewhere(version):
            raise refused(
                PACKAGE_JSON,
                f"overrides {name[:60]} from elsewhere than a registry. Name a version of it",
            )
        kept[name] = version
    return kept
