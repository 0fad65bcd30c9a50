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
from textwrap import dedent

from support.client import PATIENCE
from support.console_blocks import is_example
from support.eventually import eventually

ADDRESS = "http://127.0.0.1:8080"
LONGEST = 30.0  # seconds that a command may take
SECONDS_OF_A_STREAM = 3
LONGEST_NUMBER = 5  # what is no longer may stand anywhere, and is not named as on the page
_BLOCK = re.compile(r'^```(console|text|[a-z]+ title="([^"]+)")\n(.*?)^```$', re.M | re.S)
_READS = r"webjobs (?:jobs|ps|logs|why|runs|show|schedule|events)\b"
_CHANGES = re.compile(rf" -X (?!GET)| -T | -d | --(?:json|data[a-z-]*) |^(?!curl|{_READS})")
_COUNTED = (
    r"failed_24h|cpu_seconds|\w+_ms|\w+_bytes|bytes|messages|heartbeat_seconds|slots|slots_in_use|begun"
    r"|continuous_jobs|events_waiting|lag_events"
)
# What differs from run to run: ids, instants, durations, instance ids.
_VARYING = (
    (re.compile(r"\d{18}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"), "INSTANT"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "INSTANT"),
    (re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > [0-9a-f]{6}:"), "[MARK:"),
    (re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"), "INSTANT"),
    (re.compile(r"\bafter [\d.]+ m?s\b"), "after DURATION"),
    (re.compile(r'"duration":"[\d:]+"'), '"duration":"DURATION"'),
    (
        re.compile(r'("(?:instance|runner)": ?"|X-WebJobs-Instance: |[?]instance=|\brunner )[0-9a-f]{6}\b'),
        r"\1INSTANCE",
    ),
    (re.compile(r"with /\S+/bash"), "with BASH"),
    (re.compile(r"RUN-[0-9a-f]{8}\b"), "RUN"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "ID"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r'External - [^",]+'), "External - CLIENT"),
    (re.compile(r"last success \d+ \w+ ago"), "last success AGO"),
    (re.compile(r"(?m)^id: \d+$|(?<=\"sequence\":)\"\d+\""), "SEQUENCE"),
    (re.compile(r'("version": ?)"[\d.]+"'), r"\1VERSION"),
    (re.compile(r'("(?:host|instance)": ?")[^"]+'), r"\1NAME"),
    (re.compile(r'("id": ?")[0-9a-f]{6}(?=")'), r"\1NAME"),
    (re.compile(r'("environments":\{"count":)\d+'), r"\1NUMBER"),  # of the pages that were replayed before
    (re.compile(rf'("(?:{_COUNTED})":)(?:[\d.]+|\[[\d,]+\])'), r"\1NUMBER"),
)


@dataclass
class Step:
    """A command and what it prints, a file that the page shows, or a text to look up."""

    command: str = ""
    file: str = ""
    prints: list[str] = field(default_factory=list)


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """Each fenced block of a page with commands in it: `console` or `sh`, and its text."""
    for kind, block in re.findall(r"^ *```(console|sh)\n(.*?)^ *```$", text, re.M | re.S):
        yield kind, dedent(block)


def steps_of(text: str) -> list[Step]:
    """The steps of a page: blocks `console`, blocks with the title of a file, and blocks `text`."""
    steps: list[Step] = []
    for kind, file, block in _BLOCK.findall(text):
        if kind == "console" and is_example(block):
            continue
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


def is_answer_shown(shown: list[str], printed: list[str]) -> bool:
    """Whether a page shows the answer that `curl -i` printed: its code, some headers, a body if shown."""
    end = printed.index("") if "" in printed else len(printed)
    heads = shown.index("") if "" in shown else len(shown)
    some_headers = {line for line in alike(shown[1:heads]) if line != "…"}
    is_head = shown[0].strip() == printed[0].strip() and some_headers <= {*alike(printed[1:end])}
    return is_head and (heads == len(shown) or is_shown(shown[heads + 1 :], printed[end + 1 :]))


def is_shown(shown: list[str], printed: list[str]) -> bool:
    """Whether a page shows what a command printed; JSON may be broken into lines on the page."""
    if shown and shown[0].startswith("HTTP/") and printed and printed[0].startswith("HTTP/"):
        return is_answer_shown(shown, printed)
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
        command = step.command.replace("curl -N ", f"curl -N --max-time {SECONDS_OF_A_STREAM} ")
        for on_page, here in instead.items():
            command = command.replace(on_page, here)
        output = await shell(command, folder)
        printed = re.sub(r"(?m)^curl: \(28\).*\n", "", output)
        for on_page, here in instead.items():
            if len(here) > LONGEST_NUMBER:
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
    # A read is taken again until the run, or the job, is as the page shows it; so is what is refused there.
    is_refused = any('"title":"Conflict"' in line for line in step.prints)
    is_change = _CHANGES.search(step.command) and not is_refused
    return await (as_printed() if is_change else eventually(partial(as_printed), PATIENCE))
