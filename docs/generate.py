"""Writes what the pages say about the tree of the project; `make docs` calls it.

The tree of folders goes into docs/development.md, the modules with their tests into docs/modules.md, the
commands into docs/cli.md.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import msgspec
from webjobs_cli.command_table import SECTIONS
from webjobs_cli.main import cli
from webjobs_cli.shapes.printed import PRINTED

ROOT = Path(__file__).parents[1]
CODE = ("libs", "services", "tools")
TREE = re.compile(r"(?s)(?<=<!-- tree: make docs -->\n).*(?=<!-- end of tree -->)")
COMMANDS = re.compile(r"(?s)(?<=<!-- commands: make docs -->\n).*(?=<!-- end of commands -->)")
DOCSTRING = re.compile(r'r?"""(.*?)(?:"""|\n)')
IMPORT = re.compile(r"(?m)^ *from (webjobs_[\w.]+) import (?:\(([^)]+)\)|(.+))$")
MOST_SHOWN = 4
COMMON = ("url", "context", "json")
"""Options that commands have in common; the page describes them once."""


def packages() -> list[Path]:
    """Returns the folders with code, in the order of their paths."""
    return sorted(path.parent for folder in CODE for path in (ROOT / folder).rglob("__init__.py"))


def modules() -> dict[str, Path]:
    """Returns the file of each module by its dotted name; a package is its `__init__.py`."""
    found: dict[str, Path] = {}
    for folder in packages():
        name = ".".join(folder.relative_to(ROOT).parts[2:])
        found |= {f"{name}.{path.stem}".removesuffix(".__init__"): path for path in folder.glob("*.py")}
    return dict(sorted(found.items()))


def summary(path: Path) -> str:
    """Returns the first line of a module's docstring."""
    found = DOCSTRING.match(path.read_text())
    assert found, f"{path} has no docstring"
    return found[1]


@cache
def imports(path: Path) -> list[tuple[str, str]]:
    """Returns the names that a file imports from modules of this project, as pairs of module and name."""
    return [
        (module, name.split()[0])
        for module, several, one in IMPORT.findall(path.read_text())
        for name in (several or one).split(",")
        if name.strip()
    ]


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Returns the modules that a file imports; a name that a package hands on counts for its source."""
    found = set()
    for module, name in imports(path):
        package = known[module]
        sources = {} if package == path else {name: source for source, name in imports(package)}
        inner = f"{module}.{name}"
        found.add(inner if inner in known else sources.get(name, module))
    return found


def tests_of_modules(known: dict[str, Path]) -> dict[str, str]:
    """Returns for each module its tests, or else the modules that use it."""
    tests = {path: imported(path, known) for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    users = {name: imported(path, known) for name, path in known.items()}
    found = {}
    for name in known:
        named = [path for path in tests if is_named_after(path, name)]
        others = [path for path in tests if name in tests[path] and path not in named]
        shown = named + sorted(others, key=lambda path: len(tests[path]))
        package = name.partition(".")[0] + "."
        through = [user.removeprefix(package) for user in users if name in users[user]]
        if shown:
            found[name] = listed([str(path.relative_to(ROOT / "tests")) for path in shown])
        else:
            found[name] = f"through {listed(through)}" if through else ""
    return found


def is_named_after(test: Path, module: str) -> bool:
    """Whether a test bears the name of a module, and is about its service or about the whole stack."""
    service, stem = module.partition(".")[0].removeprefix("webjobs_"), module.rpartition(".")[2]
    is_near = {service, "e2e", "contract"} & set(test.relative_to(ROOT / "tests").parts)
    return bool(is_near) and test.stem.removesuffix("s") == f"test_{stem}".removesuffix("s")


def listed(names: list[str]) -> str:
    """Returns the first names, and whether there are more."""
    return ", ".join([*(f"`{name}`" for name in names[:MOST_SHOWN]), *(["…"] if names[MOST_SHOWN:] else [])])


def tree() -> str:
    """Returns the folders with one line each."""
    lines = []
    for folder in packages():
        path = folder.relative_to(ROOT)
        name = f"{path}/" if len(path.parts) == 3 else "  " * (len(path.parts) - 3) + f"{path.name}/"
        lines.append(f"{name:<34} {summary(folder / '__init__.py')}")
    return "\n".join(["```", *lines, "```", ""])


def index() -> str:
    """Returns the page of all modules."""
    known = modules()
    tests = tests_of_modules(known)
    lines = [
        "# Modules and their tests",
        "",
        "`make docs` writes this page. The tests of a module are those that have its name or import it,",
        f"at most {MOST_SHOWN}, the most special first. A module without any is tested through the modules",
        "that use it, which are named instead.",
    ]
    for folder in packages():
        path = folder.relative_to(ROOT)
        rows = [name for name, file in known.items() if file.parent == folder and file.stem != "__init__"]
        if rows:
            lines += ["", f"## {path}", "", "| Module | | Tests |", "|---|---|---|"]
        for name in rows:
            file, about = known[name], summary(known[name]).replace("|", "\\|")
            lines.append(f"| [`{file.name}`](../{path / file.name}) | {about} | {tests[name]} |")
    return "\n".join([*lines, ""])


def commands() -> str:
    """Returns the list of commands for docs/cli.md."""
    return "\n".join(line for title in SECTIONS for line in section(title))


def section(title: str) -> Iterator[str]:
    """Yields the lines about the commands of one section of the help."""
    yield from (f"### {title}", "")
    for name in SECTIONS[title]:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (f"#### webjobs {name}", "", paragraphs(command), "")
            for sub in command.list_commands(click.Context(command)):
                yield from described(f"{name} {sub}", command.commands[sub])
        else:
            yield from described(name, command)


def described(name: str, command: click.Command) -> Iterator[str]:
    """Yields the lines about one command."""
    context = click.Context(command, info_name=f"webjobs {name}")
    usage = " ".join(command.collect_usage_pieces(context)).replace("[OPTIONS]", "[options]")
    yield from (f"#### webjobs {name}", "", f"`webjobs {name} {usage}`", "", paragraphs(command), "")
    own = [
        option for option in command.params if option.name not in COMMON and isinstance(option, click.Option)
    ]
    rows = [record for option in own if (record := option.get_help_record(context))]
    if rows:
        yield from ("| Option | |", "|---|---|")
        yield from (f"| `{cell(option)}` | {cell(' '.join(about.split()))} |" for option, about in rows)
        yield ""
    printed = PRINTED.get(name)
    if printed is not None:
        names = ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(printed.type))
        form = {"array": "an array of", "object": "one of", "stream": "on each line one of"}[printed.form]
        yield from (f"JSON: {form} {names}.", "")


def paragraphs(command: click.Command) -> str:
    """Returns the help of a command, a line for each paragraph."""
    return "\n\n".join(" ".join(each.split()) for each in (command.help or "").split("\n\n"))


def cell(text: str) -> str:
    """Returns a text for a cell of a table."""
    return text.replace("|", "\\|")


def pages() -> dict[Path, str]:
    """Returns what each generated page has to hold."""
    development = ROOT / "docs" / "development.md"
    with_tree = TREE.sub(lambda _: tree(), development.read_text())
    page = ROOT / "docs" / "cli.md"
    with_commands = COMMANDS.sub(lambda _: commands(), page.read_text())
    return {development: with_tree, page: with_commands, ROOT / "docs" / "modules.md": index()}


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text)
