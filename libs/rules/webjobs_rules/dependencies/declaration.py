"""Which files of a job declare its dependencies, and what they say."""

import hashlib
import json
import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from webjobs_rules.dependencies.install_scripts import ALLOW_SCRIPTS, listed_packages
from webjobs_rules.dependencies.node_lock import PACKAGE_LOCK, SHRINKWRAP, node_lock
from webjobs_rules.dependencies.node_package import PACKAGE_JSON, json_object, read_package, unread_overrides
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.python_lock import check_lock, check_uv_lock, lock_of_pylock, read_toml
from webjobs_rules.dependencies.refusal import refused
from webjobs_rules.dependencies.requirement_file import check_requirement, read_requirement_files
from webjobs_rules.dependencies.script_block import script_block
from webjobs_rules.dependencies.vocabulary import DependencyKind

REQUIREMENTS_IN = "webjobs-requirements.in"
"""The file of requirements that is written for those that are declared in TOML."""

LARGEST_INPUT = 16 * 1024 * 1024
"""Bytes of a file that may be read for dependencies."""

NODE_EXTENSIONS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
"""Of scripts that packages of Node.js are installed for."""

_REQUIREMENTS, _PYPROJECT, _UV_LOCK, _PYLOCK = (
    "requirements.txt",
    "pyproject.toml",
    "uv.lock",
    "pylock.toml",
)
_TOOL_TABLES = ("index", "sources", "index-url", "extra-index-url", "find-links", "pip")


@dataclass(frozen=True, slots=True)
class Declaration:
    """The dependencies that the files of a job declare.

    Attributes:
        kind: Which file declares them.
        source: Its name, for texts.
        entry: The file among `files` from which the tool starts.
        files: What the tool reads: content by path, relative to the folder of the script.
        lock: The lock, where the files of the job hold it in a form that needs no tool.
        requires_python: Of Python, such as `>=3.11`; empty: any.
        warnings: About files that were not read.
    """

    kind: DependencyKind
    source: str
    entry: str
    files: Mapping[str, bytes]
    lock: str | None = None
    requires_python: str = ""
    warnings: Sequence[str] = ()


def find_declaration(
    script: str,
    paths: Collection[str],
    read: Callable[[str], bytes],
    policy: DependencyPolicy,
    *,
    is_in_place: bool = False,
) -> Declaration | None:
    """Find the dependencies of a job; None when its files declare none.

    Args:
        script: The chosen script.
        paths: Of all files, relative to the folder of the job.
        read: Returns the content of one of them.
        policy: Of the site.
        is_in_place: Whether the settings ask for the script to run in the folder of the job.

    Raises:
        DependenciesRefused: They are declared in a way that is not allowed or not understood.
    """
    files = _Files(script, paths, read)
    if script.lower().endswith(NODE_EXTENSIONS):
        return _found([_node], files, policy, is_in_place)
    return _found([_script, _requirements, _uv_lock, _pylock, _pyproject], files, policy, is_in_place)


def input_digest(declaration: Declaration, policy: DependencyPolicy) -> str:
    """Hex SHA-256 of all that the choice of packages depends on."""
    seen = hashlib.sha256()
    for part in (declaration.kind.value, declaration.entry, declaration.requires_python, policy.text):
        seen.update(f"{len(part)}:{part}\n".encode())
    for path, content in sorted(declaration.files.items()):
        seen.update(f"{len(path.encode())}:{path}\n{len(content)}:".encode() + content)
    if declaration.lock is not None:
        seen.update(declaration.lock.encode())
    return seen.hexdigest()


class _Files:
    """The files in the folder of the script."""

    def __init__(self, script: str, paths: Collection[str], read: Callable[[str], bytes]) -> None:
        self._folder = posixpath.dirname(script)
        self._paths = frozenset(paths)
        self._read = read
        self.script = posixpath.basename(script)

    def has(self, path: str) -> bool:
        return posixpath.join(self._folder, path) in self._paths

    def brings_modules(self) -> bool:
        return brings_modules(self._folder, self._paths)

    def read(self, path: str) -> bytes | None:
        whole = posixpath.join(self._folder, path)
        return self._read(whole) if whole in self._paths else None

    def text(self, path: str) -> str:
        content = self.read(path) or b""
        if len(content) > LARGEST_INPUT:
            raise refused(path, "is larger than 16 MiB")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise refused(path, "is not UTF-8. Save it as UTF-8") from error


def brings_modules(folder: str, paths: Iterable[str]) -> bool:
    """Whether there is a package in `node_modules` of a folder: not only what tools and git leave there."""
    prefix = posixpath.join(folder, "node_modules") + "/"
    return any(path.startswith(prefix) and path[len(prefix)] != "." for path in paths)


_Find = Callable[[_Files, DependencyPolicy, bool], Declaration | None]


def _found(
    finders: Sequence[_Find], files: _Files, policy: DependencyPolicy, is_in_place: bool
) -> Declaration | None:
    for number, find in enumerate(finders):
        declaration = find(files, policy, is_in_place)
        if declaration is not None:
            others = [name for each in finders[number + 1 :] for name in _NAMES[each] if files.has(name)]
            others = [name for name in dict.fromkeys(others) if name not in declaration.files]
            return _with_warning(declaration, others)
    return None


def _with_warning(declaration: Declaration, others: Sequence[str]) -> Declaration:
    if not others:
        return declaration
    warning = f"Dependencies are read from {declaration.source}; {', '.join(others)} is not read for them."
    return replace(declaration, warnings=[*declaration.warnings, warning])


def _script(files: _Files, policy: DependencyPolicy, _: bool) -> Declaration | None:
    if not files.script.lower().endswith(".py"):
        return None
    content = files.read(files.script) or b""
    if b"# /// script" not in content:
        return None
    block = script_block(content.decode("utf-8-sig", "replace"), files.script)
    if block is None:
        return None
    wanted = _strings(block.get("dependencies", []), files.script)
    requires = _text(block.get("requires-python", ""), files.script)
    _check_tool(block, files.script)
    lock = f"{files.script}.lock"
    if files.has(lock):
        check_uv_lock(read_toml(files.text(lock), lock), wanted, lock)
        content_of = {files.script: content, lock: files.read(lock) or b""}
        return Declaration(DependencyKind.SCRIPT, lock, files.script, content_of, None, requires)
    if not wanted and not requires:
        return None
    return _declared(DependencyKind.SCRIPT, files.script, wanted, requires, policy)


def _requirements(files: _Files, policy: DependencyPolicy, _: bool) -> Declaration | None:
    if not files.has(_REQUIREMENTS):
        return None
    content, asks = read_requirement_files(_REQUIREMENTS, files.read, policy)
    if not asks:
        return None
    return Declaration(DependencyKind.REQUIREMENTS, _REQUIREMENTS, _REQUIREMENTS, content)


def _uv_lock(files: _Files, policy: DependencyPolicy, _: bool) -> Declaration | None:
    if not (files.has(_UV_LOCK) and files.has(_PYPROJECT)):
        return None
    project = read_toml(files.text(_PYPROJECT), _PYPROJECT)
    wanted, requires = _project(project)
    check_uv_lock(read_toml(files.text(_UV_LOCK), _UV_LOCK), wanted, _UV_LOCK)
    content = {name: files.read(name) or b"" for name in (_PYPROJECT, _UV_LOCK)}
    return Declaration(DependencyKind.UV_LOCK, _UV_LOCK, _UV_LOCK, content, None, requires)


def _pylock(files: _Files, policy: DependencyPolicy, _: bool) -> Declaration | None:
    if not files.has(_PYLOCK):
        return None
    text = files.text(_PYLOCK)
    lock = lock_of_pylock(text, _PYLOCK)
    check_lock(lock, _PYLOCK, policy)
    requires = _text(read_toml(text, _PYLOCK).get("requires-python", ""), _PYLOCK)
    content = {_PYLOCK: files.read(_PYLOCK) or b""}
    return Declaration(DependencyKind.PYLOCK, _PYLOCK, _PYLOCK, content, lock, requires) if lock else None


def _pyproject(files: _Files, policy: DependencyPolicy, _: bool) -> Declaration | None:
    if not files.has(_PYPROJECT):
        return None
    project = read_toml(files.text(_PYPROJECT), _PYPROJECT)
    wanted, requires = _project(project)
    if not wanted:
        return None
    _check_tool(project, _PYPROJECT)
    return _declared(DependencyKind.PYPROJECT, _PYPROJECT, wanted, requires, policy)


def _node(files: _Files, policy: DependencyPolicy, is_in_place: bool) -> Declaration | None:
    if not files.has(PACKAGE_JSON) or files.brings_modules():  # the packages are there already
        return None
    written = json_object(files.text(PACKAGE_JSON), PACKAGE_JSON)
    package = read_package(written)
    if not package:
        return None
    if is_in_place:
        raise refused(
            PACKAGE_JSON,
            "declares dependencies, and settings.job has is_in_place: true: packages are linked into a "
            "working copy. Remove is_in_place, or put the packages into node_modules of the job",
        )
    warnings = [".npmrc is not read: the operator sets the registry."] if files.has(".npmrc") else []
    if unread := unread_overrides(written):
        warnings.append(f"{unread} of package.json is not read: npm knows overrides. Write them there.")
    listed = listed_packages(package.get(ALLOW_SCRIPTS))
    if not policy.install_scripts:
        package.pop(ALLOW_SCRIPTS, None)
        if listed:
            warnings.append(
                f"Scripts of packages are not run, though allowScripts of package.json lists "
                f"{', '.join(listed)[:200]}: the operator allows it with WEBJOBS_INSTALL_SCRIPTS=listed."
            )
    content = {PACKAGE_JSON: json.dumps(package, sort_keys=True).encode()}
    if (source := next(filter(files.has, (SHRINKWRAP, PACKAGE_LOCK)), None)) is not None:
        lock = node_lock(package, files.text(source), source)
        return Declaration(DependencyKind.PACKAGE_LOCK, source, PACKAGE_LOCK, content, lock, "", warnings)
    other = next(filter(files.has, ("pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb")), None)
    if other is not None:
        raise refused(other, "is not read. Add package-lock.json: npm install --package-lock-only")
    return Declaration(DependencyKind.PACKAGE_JSON, PACKAGE_JSON, PACKAGE_JSON, content, None, "", warnings)


def _declared(
    kind: DependencyKind, source: str, wanted: Sequence[str], requires: str, policy: DependencyPolicy
) -> Declaration:
    for requirement in wanted:
        if requirement.lstrip().startswith("-") or "\n" in requirement:
            raise refused(source, f"has {requirement[:60]!r}, which is not a requirement")
        check_requirement(requirement, source, policy)
    content = "".join(f"{requirement}\n" for requirement in wanted).encode()
    return Declaration(kind, source, REQUIREMENTS_IN, {REQUIREMENTS_IN: content}, None, requires)


def _project(content: Mapping[str, Any]) -> tuple[list[str], str]:
    project = content.get("project")
    if not isinstance(project, dict):
        return [], ""
    if "dependencies" in _strings(project.get("dynamic", []), _PYPROJECT, "dynamic"):
        raise refused(
            _PYPROJECT, "declares its dependencies as dynamic. Write them into dependencies of [project]"
        )
    wanted = _strings(project.get("dependencies", []), _PYPROJECT)
    return wanted, _text(project.get("requires-python", ""), _PYPROJECT)


def _check_tool(content: Mapping[str, Any], source: str) -> None:
    tool = content.get("tool")
    table = tool.get("uv") if isinstance(tool, dict) else None
    named = [name for name in _TOOL_TABLES if isinstance(table, dict) and name in table]
    if named:
        raise refused(
            source,
            f"has {', '.join(named)} in tool.uv: packages come from the indexes of the site. Remove it, or "
            "lock the versions with uv lock",
        )


def _strings(value: object, source: str, key: str = "dependencies") -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise refused(source, f'has {key} that are no list of texts. Write them like ["name>=1.0"]')
    return value


def _text(value: object, source: str) -> str:
    if not isinstance(value, str):
        raise refused(source, 'has a requires-python that is not a text. Write it like ">=3.11"')
    return value


_NAMES: Mapping[_Find, tuple[str, ...]] = {
    _script: (),
    _requirements: (_REQUIREMENTS,),
    _uv_lock: (_UV_LOCK,),
    _pylock: (_PYLOCK,),
    _pyproject: (_PYPROJECT,),
    _node: (),
}
