"""What looks like a declaration of dependencies and is not read as one; pure."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from webjobs_rules.dependencies.declaration import NODE_EXTENSIONS, Declaration, brings_modules
from webjobs_rules.dependencies.node_lock import PACKAGE_LOCK, SHRINKWRAP
from webjobs_rules.dependencies.node_package import PACKAGE_JSON
from webjobs_rules.dependencies.script_block import script_block
from webjobs_rules.errors import DependenciesRefused

_LONGEST_SCRIPT = 1024 * 1024
_READ = "Dependencies are read from a block # /// script, requirements.txt or pyproject.toml"
_OTHERS: Mapping[str, str] = {
    "Pipfile": "pipenv requirements > requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "poetry.lock": "poetry export -o requirements.txt",
    "pdm.lock": "pdm export -o requirements.txt",
    "environment.yml": "pip list --format=freeze > requirements.txt",
    "environment.yaml": "pip list --format=freeze > requirements.txt",
    "conda.yml": "pip list --format=freeze > requirements.txt",
    "requirements.in": "uv pip compile requirements.in -o requirements.txt",
    "requirements.yml": "pip list --format=freeze > requirements.txt",
    "setup.py": "",
    "setup.cfg": "",
}
"""Files of other tools of Python, and the command that makes of them one that is read."""

_NODE_LOCKS = frozenset({PACKAGE_LOCK, SHRINKWRAP, "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"})
_POETRY = re.compile(r"(?m)^\s*\[\s*tool\s*\.\s*poetry\s*\.\s*dependencies\s*\]")
_BLOCK = re.compile(r"(?mi)^[ \t]*#[ \t]*/{3}[ \t]*script\b.*$")
_PIP = re.compile(r"(?m)^[^#\n]*\b(?:pip3?|-m[ \t]+pip|uv[ \t]+pip)[ \t]+install\b")


def unread_declarations(
    script: str,
    paths: Collection[str],
    read: Callable[[str], bytes],
    declaration: Declaration | None,
) -> list[str]:
    """Warnings about files of a job that look like declarations of dependencies and are not read as such.

    Args:
        script: The chosen script.
        paths: Of all files, relative to the folder of the job.
        read: Returns the content of one of them.
        declaration: What was found; None: nothing.
    """
    folder, name = posixpath.split(script)
    beside = {path[len(folder) + 1 if folder else 0 :] for path in paths if posixpath.dirname(path) == folder}
    head = read(script)[:_LONGEST_SCRIPT] if script in paths else b""  # it may be a link
    text = head.decode("utf-8", "replace")
    if declaration is not None:
        return list(_calls_of_pip(name, text, declaration))
    if name.lower().endswith(".php"):
        return list(_of_php(beside, paths, folder))
    if name.lower().endswith(NODE_EXTENSIONS):
        return [*_of_node(beside), *_of_folders_above(script, [PACKAGE_JSON], paths, read)]
    if not any(each.lower().endswith(".py") for each in (name, *beside)):
        return list(_of_shell(beside, paths, folder, lambda path: read(posixpath.join(folder, path))))
    return [
        *_of_block(name, text),
        *_of_python(beside, lambda path: read(posixpath.join(folder, path))),
        *_of_folders_above(script, ("requirements.txt", "pyproject.toml", "pylock.toml"), paths, read),
    ]


def _calls_of_pip(name: str, text: str, declaration: Declaration) -> Iterator[str]:
    if not declaration.kind.is_node and _PIP.search(text):
        yield (
            f"{name} calls pip install: the packages of {declaration.source} are installed already. Remove "
            "the call: it costs time at each run, and the environment of the job has no pip."
        )


def _of_php(beside: Collection[str], paths: Collection[str], folder: str) -> Iterator[str]:
    vendor = posixpath.join(folder, "vendor") + "/"
    if "composer.json" in beside and not any(path.startswith(vendor) for path in paths):
        yield "composer.json is not read. Run composer install, and deploy its folder vendor with the job."


def _of_node(beside: Collection[str]) -> Iterator[str]:
    if PACKAGE_JSON in beside:
        return
    for name in sorted(beside):
        if name.lower() == PACKAGE_JSON:
            yield f"{name} is not read: call it package.json, in lower case."
            return
        if name in _NODE_LOCKS:
            yield f"{name} is not read, as package.json is missing beside it: deploy both files."
            return


def _of_folders_above(
    script: str, names: Iterable[str], paths: Collection[str], read: Callable[[str], bytes]
) -> Iterator[str]:
    """Declarations that are not in the folder of the script."""
    folder = posixpath.dirname(script)
    while folder:
        folder = posixpath.dirname(folder)
        for path in (posixpath.join(folder, name) for name in names):
            if path in paths and (path.endswith(".txt") or b"ependencies" in read(path)):
                yield f"{path} is not read, as {script} is not in its folder: move one to the other."
                return


def _of_shell(
    beside: Collection[str], paths: Collection[str], folder: str, read: Callable[[str], bytes]
) -> Iterator[str]:
    """A script of a shell may start node, which finds no packages then."""
    if (
        PACKAGE_JSON in beside
        and b"ependencies" in read(PACKAGE_JSON)
        and any(each.endswith(NODE_EXTENSIONS) for each in beside)
        and not brings_modules(folder, paths)
    ):
        yield (
            "package.json is not read: packages of Node.js are installed for scripts of JavaScript. Make one "
            "of them the script, or deploy node_modules with the job."
        )


def _of_block(name: str, text: str) -> Iterator[str]:
    found = _BLOCK.search(text) if name.lower().endswith(".py") else None
    if found is None:
        return
    try:
        if script_block(text, name) is not None:  # one that declares nothing
            return
    except DependenciesRefused:
        return
    yield (
        f"{name} has the line {found[0].strip()[:40]!r}, which begins no block of dependencies: write it as "
        "'# /// script', without spaces before or behind it."
    )


def _of_python(beside: Collection[str], read: Callable[[str], bytes]) -> Iterator[str]:
    if any(name == "requirements.txt" for name in beside):
        return  # it is read, and asks for nothing
    for name in sorted(beside):
        if name.lower() == "requirements.txt":
            yield f"{name} is not read: call it requirements.txt, in lower case."
            return
    if "pyproject.toml" in beside and _POETRY.search(read("pyproject.toml").decode("utf-8", "replace")):
        yield (
            f"[tool.poetry.dependencies] of pyproject.toml is not read. {_READ}: write them into "
            "dependencies of [project], or run poetry export -o requirements.txt."
        )
        return
    if "uv.lock" in beside and "pyproject.toml" not in beside:
        yield "uv.lock is not read, as pyproject.toml is missing beside it: deploy both files."
        return
    for name, command in _OTHERS.items():
        if name in beside and (command or b"install_requires" in read(name)):
            how = f": run {command}" if command else ""
            yield f"{name} is not read. {_READ}{how}."
            return
