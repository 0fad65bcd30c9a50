"""Replays the console blocks of a page: each command is run, and must print what the page shows.

On a page `…` stands for any text, and on a line of its own for any lines. What a test puts in place before a
block, such as a run that can be cancelled, is keyed by the first command of that block.
"""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support.client import PATIENCE
from support.eventually import eventually

ADDRESS = "http://127.0.0.1:8080"
LONGEST = 20.0  # seconds that a command may take which never ends by itself
_BLOCK = re.compile(r'^```(console|text|[a-z]+ title="([^"]+)")\n(.*?)^```$', re.M | re.S)
_READS = r"webjobs (?:jobs|ps|logs|why|runs|show|schedule|events)\b"
_CHANGES = re.compile(rf" -X (?!GET)| -T | -d | --(?:json|data[a-z-]*) |^(?!curl|{_READS})")
# What differs from run to run: ids, instants, durations, instance ids.
_VARYING = (
    (re.compile(r"\d{18}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "INSTANT"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "INSTANT"),
    (re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > [0-9a-f]{6}:"), "[MARK:"),
    (re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"), "INSTANT"),
    (re.compile(r"\bafter [\d.]+ m?s\b"), "after DURATION"),
    (re.compile(r'"duration":"[\d:]+"'), '"duration":"DURATION"'),
    (re.compile(r'("(?:instance|runner)": ?)"[0-9a-f]{6}"'), r'\1"INSTANCE"'),
    (re.compile(r"\b[0-9a-f]{16}\b"), "ID"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\bcurl/[\d.]+"), "curl/VERSION"),
)


@dataclass
class Step:
    """A command and what it prints, a file that the page shows, or a text to look up."""

    command: str = ""
    file: str = ""
    prints: list[str] = field(default_factory=list)


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """Each fenced block of a page with commands in it: `console` or `sh`, and its text."""
    yield from re.findall(r"^ *```(console|sh)\n(.*?)^ *```$", text, re.M | re.S)


def steps_of(text: str) -> list[Step]:
    """The steps of a page: blocks `console`, blocks with the title of a file, and blocks `text`."""
    steps: list[Step] = []
    for kind, file, block in _BLOCK.findall(text):
        if kind != "console":
            steps.append(Step(file=file, prints=block.splitlines()))
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            elif steps[-1].command.endswith("\\"):
                steps[-1].command = steps[-1].command.removesuffix("\\") + line.strip()
            else:
                steps[-1].prints.append(line)
    return steps


def alike(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run."""
    text = "\n".join(lines)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text.splitlines()


def is_shown(shown: list[str], printed: list[str]) -> bool:
    """Whether a page shows what a command printed; JSON may be broken into lines on the page."""
    page = "\n".join(alike(shown)).replace('"…":"…"', "…")
    terminal = "\n".join(alike(printed))
    if page.lstrip().startswith(("{", "[{", "[\n")):
        page, terminal = "".join(page.split()), "".join(terminal.split())
    pattern = re.escape(page.replace("…\n", "…").replace("\n…", "…")).replace("…", ".*")
    return re.fullmatch(pattern, terminal, re.S) is not None


async def shell(command: str, folder: Path) -> str:
    """What a command prints in a folder, without carriage returns; `webjobs` is that of the tests."""
    (folder / ".curlrc").write_text("silent\nshow-error\n")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("timeout", f"{LONGEST}", "bash", "-c", command),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": programs, "HOME": str(folder), "LANG": "C.UTF-8"},
    )
    output, _ = await process.communicate()
    return output.decode().replace("\r", "")


async def replay(step: Step, folder: Path, instead: dict[str, str]) -> str:
    """Do a step in a folder; returns what it printed.

    Args:
        step: A command or a file.
        folder: Where a reader is.
        instead: What stands for addresses on the page.
    """

    async def as_printed() -> str:
        command = step.command
        for on_page, here in instead.items():
            command = command.replace(on_page, here)
        output = await shell(command, folder)
        printed = output
        for on_page, here in instead.items():
            printed = printed.replace(here, on_page)
        assert is_shown(step.prints, printed.splitlines()), f"$ {step.command}\n{printed}"
        return output or "nothing"

    if step.file:
        text = "\n".join(step.prints) + "\n"
        for on_page, here in instead.items():
            text = text.replace(on_page, here)
        (folder / step.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / step.file).write_text(text)
        return ""
    # A read is taken again until the run, or the job, has come as far as the page shows it.
    return await (
        as_printed() if _CHANGES.search(step.command) else eventually(partial(as_printed), PATIENCE)
    )
