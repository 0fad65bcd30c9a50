"""Which script a runner would choose in a folder, by the names of its files alone; pure."""

from collections.abc import Sequence

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_rules.errors import NoRunnableScript
from webjobs_rules.litter import is_litter
from webjobs_rules.script import SCRIPT_HOSTS, choose_script, doubt, script_folder

from webjobs_api.http.json_body import json_text
from webjobs_api.jobs.errors import InvalidNames

PATH = "/api/script-choice"

MAX_NAMES = 20_000
"""Files that one request names."""

MAX_BODY_BYTES = 8 * 1024 * 1024

_SETTINGS = "settings.job"
_REQUIREMENTS = "requirements.txt"
_NOT_INSTALLED = f"{_REQUIREMENTS} is there: webjobs does not install it. Have its packages on the runners."
_NO_EXTENSION = (
    "It has no extension: a runner takes it only if it is executable or its first line begins with #!."
)


class FileNamesJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a folder.

    Attributes:
        names: Paths below the folder, with slashes.
    """

    names: list[str]


class ScriptChoiceJson(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner would choose among these files if it has every program.

    Attributes:
        script: Path of the script; null when there is none.
        host: Name of what runs it.
        program: The program that runs it, unless its first line names another.
        candidates: All files that could have been chosen.
        found: Other files with a meaning: settings.job and requirements.txt beside the script.
        warnings: What is doubtful; without a script, why there is none.
    """

    script: str | None = None
    host: str | None = None
    program: str | None = None
    candidates: list[str] = []
    found: list[str] = []
    warnings: list[str] = []


def names_of(body: bytes) -> Sequence[str]:
    """The names in the body of a request.

    Raises:
        InvalidNames: It holds something else, or too many.
    """
    try:
        names = msgspec.json.decode(json_text(body), type=FileNamesJson).names
    except MALFORMED as error:
        raise InvalidNames(str(error).rstrip(".")) from error
    if len(names) > MAX_NAMES:
        raise InvalidNames(f"it names more than {MAX_NAMES:,} files, which is the limit")
    return names


def script_choice(names: Sequence[str]) -> ScriptChoiceJson:
    """What a runner would choose; its own programs and the contents of files are not known here.

    Args:
        names: Paths below the folder, with slashes.
    """
    kept = [name for name in names if not is_litter(name)]
    inner = script_folder(kept)
    prefix = f"{inner}/" if inner else ""
    at_root = [name for path in kept if path.startswith(prefix) and "/" not in (name := path[len(prefix) :])]
    found = [name for name in sorted(at_root) if name.lower() in (_SETTINGS, _REQUIREMENTS)]
    try:
        chosen = choose_script(at_root, SCRIPT_HOSTS, lambda _: True, is_program=lambda _: True)
    except NoRunnableScript as error:
        return ScriptChoiceJson(found=found, warnings=[str(error)])
    doubts = [
        doubt(chosen),
        "" if "." in chosen.file_name else _NO_EXTENSION,
        _NOT_INSTALLED if chosen.host.extension == ".py" and _REQUIREMENTS in found else "",
    ]
    return ScriptChoiceJson(
        script=prefix + chosen.file_name,
        host=chosen.host.name,
        program=next(iter(chosen.host.interpreters), None),
        candidates=list(chosen.candidates),
        found=found,
        warnings=[each for each in doubts if each],
    )
