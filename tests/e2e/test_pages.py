"""The pages with console blocks do what they say, one after the other on one stack."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.background import in_background
from support.client import Client, client_of
from support.programs import need_program
from support.stack import RunningStack, webjobs_up
from support.transcripts import ADDRESS, replay, steps_of
from webjobs_stack.ports import free_port

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    data = tmp_path_factory.mktemp("pages") / "data"
    settings = {"WEBJOBS_RESTART_TIME": "1", "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true"}
    with in_background(webjobs_up(data, **settings)) as running:
        yield running


@pytest_asyncio.fixture
async def reader(pages_stack: RunningStack, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of the stack that a reader's folder belongs to; afterwards there is no job any more."""
    need_program("curl")
    (tmp_path / ".webjobs").symlink_to(pages_stack.data)
    async with client_of(pages_stack.url) as client:
        yield client
        for job in (await client.get("/api/jobs")).json:
            await client.delete(f"/api/jobs/{job['type']}/{job['name']}")
        for hook in (await client.get("/api/hooks")).json:
            await client.delete(f"/api/hooks/{hook['id']}")


@pytest.mark.parametrize("page", ["tutorial", "how_to/coming_from_cron", "how_to/coming_from_supervisor"])
async def test_each_command_of_a_page_prints_what_the_page_shows(
    page: str, reader: Client, tmp_path: Path
) -> None:
    port = free_port()
    instead = {
        ADDRESS: reader.base,
        "127.0.0.1:9000": f"127.0.0.1:{port}",
        '"127.0.0.1", 9000': f'"127.0.0.1", {port}',
    }
    steps = [step for step in steps_of((DOCS / f"{page}.md").read_text()) if step.command or step.file]
    assert len([step for step in steps if step.command]) >= 8
    for step in steps:
        await replay(step, tmp_path, instead)
