"""The block `# /// script` in a Python file (PEP 723)."""

import re
import tomllib
from typing import Any

from webjobs_rules.dependencies.refusal import refused

_START = re.compile(r"(?m)^# /// script\r?$")
_LINE = re.compile(r"#(?: .*)?")
_END = "# ///"


def script_block(text: str, file_name: str) -> dict[str, Any] | None:
    """The content of the block; None when the file has none.

    Raises:
        DependenciesRefused: There are two, it does not end, or it is not TOML.
    """
    starts = list(_START.finditer(text))
    if not starts:
        return None
    if len(starts) > 1:
        raise refused(file_name, "has two blocks # /// script. Leave one")
    lines: list[str] = []
    end: int | None = None
    for line in text[starts[0].end() :].splitlines()[1:]:
        if not _LINE.fullmatch(line.rstrip("\r")):
            break
        if line.rstrip() == _END:  # the last one counts
            end = len(lines)
        lines.append(line[2:])
    if end is None:
        raise refused(file_name, "has a block # /// script without its last line # ///. Add it")
    try:
        return tomllib.loads("\n".join(lines[:end]))
    except tomllib.TOMLDecodeError as error:
        raise refused(file_name, f"has a block # /// script that is not TOML: {error}. Correct it") from error
