"""Locks of Python packages: requirement files in which each line is one version with its hashes."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from webjobs_rules.dependencies.names import canonical_name
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.refusal import refused
from webjobs_rules.dependencies.requirement_file import check_line, logical_lines

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*([^;@]*)")
_ADVICE = "Run uv lock, and deploy both files"


class _File(msgspec.Struct):
    hashes: dict[str, str]


class _PyPackage(msgspec.Struct):
    name: str
    version: str = ""
    marker: str = ""
    wheels: list[_File] = []
    sdist: _File | None = None
    vcs: Any = None
    directory: Any = None
    archive: Any = None


class _PyLock(msgspec.Struct, rename="kebab"):
    lock_version: str
    packages: list[_PyPackage] = []


class _Requirement(msgspec.Struct):
    name: str
    extras: list[str] = []
    specifier: str = ""
    marker: str = ""


class _Manifest(msgspec.Struct):
    requirements: list[_Requirement] | None = None


class _Metadata(msgspec.Struct, rename="kebab"):
    requires_dist: list[_Requirement] = []


class _UvPackage(msgspec.Struct):
    source: dict[str, Any] = {}
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _UvLock(msgspec.Struct):
    manifest: _Manifest = msgspec.field(default_factory=_Manifest)
    package: list[_UvPackage] = []


_Lock = TypeVar("_Lock", _PyLock, _UvLock)


def check_lock(lock: str, source: str, policy: DependencyPolicy) -> None:
    """Check the lock that came out of a lock of the job.

    Raises:
        DependenciesRefused: It takes packages from where they may not come, or one has no hash.
    """
    for line in logical_lines(lock.encode(), source):
        check_line(line, source, policy)
        if not line.startswith("-") and "--hash" not in line:
            raise refused(source, f"has no hash for {line.partition(';')[0].strip()[:60]}. {_ADVICE}")


def lock_of_pylock(content: str, source: str) -> str:
    """The lock that a `pylock.toml` (PEP 751) says; its addresses are not used.

    Raises:
        DependenciesRefused: It is not such a file, or has packages that are not from an index.
    """
    read = _converted(read_toml(content, source), _PyLock, source, "uv export --format pylock.toml")
    if not read.lock_version.startswith("1."):
        raise refused(source, "is not a lock of version 1. Export it again, such as with uv export")
    lines = []
    for package in read.packages:
        from_elsewhere = package.vcs or package.directory or package.archive
        if not canonical_name(package.name) or not package.version or from_elsewhere:
            raise refused(source, f"has {package.name[:60]!r}, which is not a version from an index")
        files = [*package.wheels, *([package.sdist] if package.sdist else [])]
        hashes = {f"--hash={kind}:{value}" for each in files for kind, value in each.hashes.items()}
        marker = f" ; {package.marker}" if package.marker else ""
        lines.append(" \\\n    ".join([f"{package.name}=={package.version}{marker}", *sorted(hashes)]))
    return "".join(f"{line}\n" for line in sorted(lines))


def check_uv_lock(lock: Mapping[str, Any], wanted: Iterable[str], source: str) -> None:
    """Check that a `uv.lock`, or the lock of a script, was made for these requirements.

    Raises:
        DependenciesRefused: It was made for others.
    """
    read = _converted(lock, _UvLock, source, "uv lock")
    requirements = read.manifest.requirements
    if requirements is None:
        roots = [each for each in read.package if {"virtual", "editable"} & each.source.keys()]
        root = next((each for each in roots if "." in each.source.values()), None)
        requirements = root.metadata.requires_dist if root else []
    locked = {
        _plain(each.name, each.extras, each.specifier)
        for each in requirements
        if "extra ==" not in each.marker
    }
    asked = set()
    for requirement in wanted:
        found = _REQUIREMENT.match(requirement)
        if found is not None:
            asked.add(_plain(found[1], (found[2] or "").strip("[]").split(","), found[3]))
    differing = sorted({name for name, _, _ in locked ^ asked})
    if differing:
        named = ", ".join(differing[:5])
        raise refused(source, f"was made for other dependencies ({named}). {_ADVICE}")


def read_toml(content: str, source: str) -> dict[str, Any]:
    """A TOML file.

    Raises:
        DependenciesRefused: It is not TOML.
    """
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise refused(source, f"is not TOML: {error}. Correct it") from error


def _converted(content: Mapping[str, Any], form: type[_Lock], source: str, command: str) -> _Lock:
    """What is used of a lock.

    Raises:
        DependenciesRefused: It has not the form that its tool writes.
    """
    try:
        return msgspec.convert(content, form)
    except msgspec.ValidationError as error:
        raise refused(source, f"has not the form of such a lock: {error}. Make it with {command}") from error


def _plain(name: str, extras: Iterable[str], specifier: str) -> tuple[str, frozenset[str], frozenset[str]]:
    clauses = frozenset(
        each.strip().replace(" ", "") for each in specifier.strip(" ()").split(",") if each.strip()
    )
    return (
        canonical_name(name),
        frozenset(canonical_name(each.strip()) for each in extras if each.strip()),
        clauses,
    )
