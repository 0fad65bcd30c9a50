"""The README's tour and the tutorial do what they say: each command is run and prints what is shown."""

import re
import sys
from functools import partial
from pathlib import Path

from support.client import PATIENCE, Client
from support.eventually import eventually
from support.programs import need_program
from support.stack import RunningStack, webjobs_up
from support.transcripts import ADDRESS, Step, alike, replay, steps_of
from webjobs_stack.ports import free_port

ROOT = Path(__file__).parents[2]
FOLDER = ".webjobs"


async def test_the_tour_of_the_readme(client: Client, stack: RunningStack, tmp_path: Path) -> None:
    need_program("curl")
    (tmp_path / FOLDER).symlink_to(stack.data)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    text = (ROOT / "README.md").read_text()
    steps = steps_of(text[text.index("## A tour") : text.index("## The picture")])
    assert len([step for step in steps if step.command]) >= 5
    last = ""

    async def is_log(step: Step) -> bool:
        log = (await client.get(re.findall(r'"output_url":"([^"]+)"', last)[-1])).text
        assert alike(log.splitlines()) == alike(step.prints)
        return True

    for step in steps:
        if step.command:
            last = await replay(step, tmp_path, {ADDRESS: client.base})
        else:
            await eventually(partial(is_log, step), PATIENCE)


async def test_the_tutorial(tmp_path: Path) -> None:
    need_program("curl")
    steps = steps_of((ROOT / "docs" / "tutorial.md").read_text())
    assert (
        len([step for step in steps if step.command]) >= 12
        and len([step for step in steps if step.file]) == 2
    )
    port = free_port()
    async with webjobs_up(tmp_path / "data", WEBJOBS_HOOKS_ALLOW_PRIVATE="true") as stack:
        instead = {
            ADDRESS: stack.url,
            "127.0.0.1:9000": f"127.0.0.1:{port}",
            '"127.0.0.1", 9000': f'"127.0.0.1", {port}',
        }
        for step in steps:
            await replay(step, tmp_path, instead)
