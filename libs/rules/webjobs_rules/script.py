"""Which file of a job's folder is its script, and the command line that runs it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from webjobs_rules.errors import InvalidArguments, InvalidScriptHosts, MissingInterpreter, NoRunnableScript
from webjobs_rules.shebang import Shebang

SCRIPT_PATH = "{script}"
SCRIPT_NAME = "{name}"
_SETTINGS_FILES = frozenset({"settings.job", "disable.job"})
_MOST_NAMED = 5
_CMD_SPECIAL = frozenset('&|<>^%"\r\n')


@dataclass(frozen=True, slots=True)
class ScriptHost:
    """The program that runs the scripts of one extension.

    `interpreters` are tried in order, by name or absolute path; `arguments` follow the interpreter,
    with `{script}` for the script's path and `{name}` for its bare name in the working folder.
    `by_wine` says that the script is a Windows program: Wine runs it, and it gets Windows' paths.
    `reads_shebang`: an interpreter that the script names in its first line is used instead.
    """

    name: str
    extension: str
    interpreters: tuple[str, ...]
    arguments: tuple[str, ...] = (SCRIPT_PATH,)
    product: str = ""
    by_wine: bool = False
    reads_shebang: bool = False


@dataclass(frozen=True, slots=True)
class ChosenScript:
    """The script of a job, its host, and which of the host's interpreters is there to run it.

    `candidates` are all files that could have been chosen, this one included, in the order of their names.
    """

    file_name: str
    host: ScriptHost
    interpreter: str
    candidates: tuple[str, ...] = ()


# The order is that of the Kudu wiki; it decides which script is chosen. A .exe is started by wine itself and
# not through cmd: its arguments then reach it as they are, with nothing to read them a second time.
# Python writes unbuffered (-u), so that its last lines are in the log whatever ends it.
SCRIPT_HOSTS: tuple[ScriptHost, ...] = (
    ScriptHost(
        "CmdScriptHost", ".cmd", ("wine", "wine64"), ("cmd", "/c", "@", SCRIPT_NAME), "Wine", by_wine=True
    ),
    ScriptHost(
        "CmdScriptHost", ".bat", ("wine", "wine64"), ("cmd", "/c", "@", SCRIPT_NAME), "Wine", by_wine=True
    ),
    ScriptHost("ExeScriptHost", ".exe", ("wine", "wine64"), product="Wine", by_wine=True),
    ScriptHost(
        "PowerShellScriptHost",
        ".ps1",
        ("pwsh",),
        ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", SCRIPT_PATH),
        "PowerShell",
    ),
    ScriptHost("BashScriptHost", ".sh", ("bash",), reads_shebang=True),
    ScriptHost("PhpScriptHost", ".php", ("php",), product="PHP"),
    ScriptHost("PythonScriptHost", ".py", ("python3", "python"), ("-u", SCRIPT_PATH), "Python"),
    ScriptHost("NodeScriptHost", ".js", ("node", "nodejs"), product="Node.js"),
)


LATE_HOSTS: tuple[ScriptHost, ...] = (
    ScriptHost("ProgramScriptHost", "", (), reads_shebang=True),
    ScriptHost("NodeScriptHost", ".mjs", ("node", "nodejs"), product="Node.js"),
)
"""What is run when there is no file of any other type: `run` without an extension, then `.mjs`."""

_PROGRAM = "run"
_NEVER = frozenset({"__init__.py", "__main__.py", "conftest.py", "setup.py"})


def choose_script(
    file_names: Iterable[str],
    hosts: Sequence[ScriptHost],
    is_available: Callable[[str], bool],
    shebang_of: Callable[[str], Shebang | None] = lambda _: None,
    is_program: Callable[[str], bool] = lambda _: False,
) -> ChosenScript:
    """Choose among the names of the files at the root of a job's folder.

    `run.<extension>` comes first, in the order of the hosts; when there is none of any type, the first
    file of the first extension that has one. Then the same for `LATE_HOSTS`. Upper and lower case are the
    same. A type whose interpreter is absent is passed over. Files that are seldom the script, such as
    `setup.py` and those that begin with a dot, count only when there is no other.

    Args:
        file_names: At the root of the folder.
        hosts: In their order.
        is_available: Whether the runner has a program.
        shebang_of: The interpreter that a file itself names; asked for hosts that read it.
        is_program: Whether a file without extension can be run.

    Source: docs/compatibility.md#script-choice.

    Raises:
        NoRunnableScript: no name has a supported extension.
        MissingInterpreter: some have, but the runner lacks the program for each of them.
    """
    names = sorted(file_names, key=lambda name: (name.lower(), name))
    found = list(dict.fromkeys(_in_order(names, hosts, is_program)))
    usual = [(host, name) for host, name in found if not _is_seldom_the_script(name)]
    passed_over: MissingInterpreter | None = None
    for host, name in usual or found:
        shebang = shebang_of(name) if host.reads_shebang else None
        programs = shebang.programs if shebang else host.interpreters
        interpreter = next(filter(is_available, programs), None)
        if interpreter is None and programs:
            passed_over = passed_over or MissingInterpreter(
                name, programs[0], "" if shebang else host.product
            )
            continue
        candidates = tuple(sorted({each for _, each in found}, key=lambda each: (each.lower(), each)))
        return ChosenScript(name, host, interpreter or "", candidates)
    if passed_over is not None:
        raise passed_over
    raise NoRunnableScript(names, [host.extension for host in (*hosts, *LATE_HOSTS) if host.extension])


def doubt(chosen: ChosenScript) -> str:
    """A sentence about a choice that may not be the one that was meant; empty when it is clear."""
    others = [name for name in chosen.candidates if name != chosen.file_name]
    if not others or (_is_named_run(chosen.file_name) and not any(map(_is_named_run, others))):
        return ""
    listed = ", ".join(chosen.candidates[:_MOST_NAMED])
    more = len(chosen.candidates) - _MOST_NAMED
    return (
        f"Chose {chosen.file_name} as the script among {len(chosen.candidates)} candidates: {listed}"
        f"{f' and {more} more' if more > 0 else ''}. "
        f"To be sure, keep one file named run{chosen.host.extension} at the root of the job."
    )


def _in_order(
    names: Sequence[str], hosts: Sequence[ScriptHost], is_program: Callable[[str], bool]
) -> Iterable[tuple[ScriptHost, str]]:
    program, *late = LATE_HOSTS
    programs = ((program, name) for name in names if name.lower() == _PROGRAM and is_program(name))
    return chain(
        _named_run(names, hosts),
        _any_name(names, hosts),
        programs,
        _named_run(names, late),
        _any_name(names, late),
    )


def _is_named_run(name: str) -> bool:
    return name.lower() == _PROGRAM or name.lower().rpartition(".")[0] == _PROGRAM


def _is_seldom_the_script(name: str) -> bool:
    return name.startswith(".") or name.lower() in _NEVER


def _named_run(names: Sequence[str], hosts: Sequence[ScriptHost]) -> Iterable[tuple[ScriptHost, str]]:
    return ((host, name) for host in hosts for name in names if name.lower() == f"run{host.extension}")


def _any_name(names: Sequence[str], hosts: Sequence[ScriptHost]) -> Iterable[tuple[ScriptHost, str]]:
    return ((host, name) for host in hosts for name in names if name.lower().endswith(host.extension))


def host_of(file_name: str, hosts: Sequence[ScriptHost]) -> ScriptHost:
    """Answer the host of a script that was chosen before.

    Raises:
        NoRunnableScript: no host of the table has its extension (any more).
    """
    name = file_name.rpartition("/")[2].lower()
    if name == _PROGRAM:
        return LATE_HOSTS[0]
    for host in (*hosts, *LATE_HOSTS[1:]):
        if name.endswith(host.extension):
            return host
    raise NoRunnableScript([file_name], [host.extension for host in hosts])


def command_line(
    host: ScriptHost, script_path: str, arguments: Sequence[str], interpreter_path: str
) -> list[str]:
    """Build the argument list of the process; no shell ever reads it.

    Raises:
        InvalidArguments: the script is a .cmd or .bat, and an argument holds a character that cmd would
            act upon: it reads its command line a second time and no quoting is safe from that.
    """
    if host.arguments[:1] == ("cmd",):
        _refuse_what_cmd_would_run(arguments)
    names = {SCRIPT_PATH: script_path, SCRIPT_NAME: script_path.rpartition("/")[2]}
    return [interpreter_path, *(names.get(part, part) for part in host.arguments), *arguments]


def process_arguments(
    host: ScriptHost,
    script_path: str,
    arguments: Sequence[str],
    find: Callable[[str], str | None],
    shebang: Shebang | None,
    is_binary: bool,
) -> list[str]:
    """Build the argument list of a script's process, with the programs that this machine has.

    Args:
        host: Of the script.
        script_path: Absolute.
        arguments: For the script.
        find: Says where a program is; None when it is not installed.
        shebang: What the script names in its first line.
        is_binary: Whether the script is machine code.

    Raises:
        MissingInterpreter: The program is not installed.
        InvalidArguments: As `command_line`.
    """
    name = script_path.rpartition("/")[2]
    if host.reads_shebang and shebang is not None:
        found = next(filter(None, map(find, shebang.programs)), None)
        if found is None:
            raise MissingInterpreter(name, shebang.program, "")
        return [found, *shebang.arguments, script_path, *arguments]
    if host.interpreters:
        program = next(filter(None, map(find, host.interpreters)), None)
        if program is None:
            raise MissingInterpreter(name, host.interpreters[0], host.product)
        return command_line(host, script_path, arguments, program)
    if is_binary:
        return [script_path, *arguments]
    return [find("sh") or "/bin/sh", script_path, *arguments]


def _refuse_what_cmd_would_run(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if _CMD_SPECIAL.intersection(argument):
            raise InvalidArguments(
                f"{argument[:200]!r} is not for a .cmd or .bat script, which cannot be given "
                '& | < > ^ % " or a line end; use another script type'
            )


def extend_hosts(hosts: Sequence[ScriptHost], text: str) -> tuple[ScriptHost, ...]:
    """Add the extensions of the setting WEBJOBS_SCRIPT_HOSTS, last in the order.

    `{".rb": ["ruby"], ".ts": ["deno", "run"]}`: the program, its options; the
    script's path is added. An extension the table has already keeps its place and changes its program.

    Raises:
        InvalidScriptHosts: the text is not such an object.
    """
    table = {host.extension: host for host in hosts}
    for extension, command in _parsed_hosts(text):
        program, *options = command
        table[extension] = ScriptHost("ConfiguredScriptHost", extension, (program,), (*options, SCRIPT_PATH))
    return tuple(table.values())


def _parsed_hosts(text: str) -> list[tuple[str, list[str]]]:
    if not text.strip():
        return []
    try:
        value = json.loads(text)
    except ValueError as fault:
        raise InvalidScriptHosts(f"it is not JSON ({fault})") from fault
    if not isinstance(value, dict):
        raise InvalidScriptHosts("it is not a JSON object")
    for extension, command in value.items():
        if len(extension) < 2 or not extension.startswith(".") or "/" in extension:
            raise InvalidScriptHosts(f"{extension!r} is not an extension, which is a dot and a name")
        words = isinstance(command, list) and all(isinstance(word, str) and word for word in command)
        if not command or not words:
            raise InvalidScriptHosts(f"{extension} needs a list of texts, the program first")
    return [(extension.lower(), command) for extension, command in value.items()]


def script_folder(paths: Iterable[str]) -> str:
    """Answer where the script is looked for: "" for the job's folder itself, else a folder inside it.

    `paths` are relative, with slashes; a folder may be given with a slash at its end. A folder that
    holds one folder and nothing else is descended, again and again; settings.job and disable.job do
    not count, so writing them never hides a job.

    Source: Kudu, JobsManagerBase.cs (a zip of a folder instead of its content).
    """
    prefix = ""
    remaining = list(paths)
    while True:
        counted = [path for path in remaining if path.lower() not in _SETTINGS_FILES]
        tops = {path.partition("/")[0] for path in counted}
        if len(tops) != 1 or not all("/" in path for path in counted):
            return prefix
        top = tops.pop()
        prefix = f"{prefix}/{top}" if prefix else top
        remaining = [inner for path in counted if (inner := path[len(top) + 1 :])]
