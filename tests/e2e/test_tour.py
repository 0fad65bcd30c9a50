"""The README's tour does what it says: each command is run, each answer is the one that is printed."""

import asyncio
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support.client import PATIENCE, Client
from support.eventually import eventually
from support.programs import need_program
from support.stack import RunningStack

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8080"
FOLDER = ".webjobs"
_BLOCK = re.compile(r"^```(console|text)\n(.*?)^```$", re.M | re.S)
# What differs from run to run: ids, instants, durations, instance ids.
_VARYING = (
    (re.compile(r"\d{18}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "INSTANT"),
    (re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > [0-9a-f]{6}:"), "[MARK:"),
    (re.compile(r'"duration":"[\d:]+"'), '"duration":"DURATION"'),
)


@dataclass
class Step:
    """One command of the tour and what it prints; without a command, what is at the last output_url."""

    command: str
    prints: list[str] = field(default_factory=list)


def tour() -> list[Step]:
    steps: list[Step] = []
    text = README.read_text()
    section = text[text.index("## A tour") : text.index("## The picture")]
    for kind, block in _BLOCK.findall(section):
        if kind == "text":
            steps.append(Step(""))
        for line in block.splitlines():
            if kind == "console" and line.startswith("$ "):
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
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, command
    return output.decode().replace("\r", "")


async def test_the_tour_of_the_readme(client: Client, stack: RunningStack, tmp_path: Path) -> None:
    need_program("curl")
    (tmp_path / FOLDER).symlink_to(stack.data)
    steps = tour()
    assert len([step for step in steps if step.command]) >= 5
    last = ""

    async def as_printed(step: Step) -> str:
        if step.command:
            output = await shell(step.command.replace(ADDRESS, client.base), tmp_path)
        else:
            output = (await client.get(re.findall(r'"output_url":"([^"]+)"', last)[-1])).text
        told = output.replace(client.base, ADDRESS).splitlines()
        assert alike(told) == alike(step.prints), step.command
        return output or "nothing"

    for step in steps:
        reads = not step.command or ("curl -s http" in step.command)
        # A read is taken again until the run, or the job, has come as far as the page shows it.
        last = await (eventually(partial(as_printed, step), PATIENCE) if reads else as_printed(step))
