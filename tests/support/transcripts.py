"""Replays the console blocks of a page: each command is run, and must print what the page shows."""

import asyncio
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support.client import PATIENCE
from support.eventually import eventually

ADDRESS = "http://127.0.0.1:8080"
_BLOCK = re.compile(r'^```(console|text|[a-z]+ title="([^"]+)")\n(.*?)^```$', re.M | re.S)
_CHANGES = re.compile(r" -X (?!GET)| -T | -d |^(?!curl)")
# What differs from run to run: ids, instants, durations, instance ids.
_VARYING = (
    (re.compile(r"\d{18}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "INSTANT"),
    (re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > [0-9a-f]{6}:"), "[MARK:"),
    (re.compile(r'"duration":"[\d:]+"'), '"duration":"DURATION"'),
)


@dataclass
class Step:
    """A command and what it prints, a file that the page shows, or a text to look up."""

    command: str = ""
    file: str = ""
    prints: list[str] = field(default_factory=list)


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
            else:
                steps[-1].prints.append(line)
    return steps


def alike(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run."""
    text = "\n".join(lines)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text.splitlines()


async def shell(command: str, folder: Path) -> str:
    """What a command prints in a folder, without carriage returns."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
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
        # What the terminal shows of the standard error besides is left out on the page.
        shown = [line for line in step.prints if line != "…"]
        assert alike(printed.splitlines()) == alike(shown), f"{step.command}\n{printed}"
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
