"""The README's tour does what it says: each command is run and prints what is shown."""

import re
import sys
from functools import partial
from pathlib import Path

from support.client import PATIENCE, Client
from support.eventually import eventually
from support.programs import need_program
from support.stack import RunningStack
from support.transcripts import ADDRESS, Step, alike, replay, steps_of

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
