"""The pages with console blocks do what they say, one after the other on one stack."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.background import in_background
from support.client import Client, client_of
from support.console_blocks import REPLAYED
from support.http_api_page import Scene, prepare
from support.package_index import PackageIndex, package_index, wheel
from support.programs import need_program
from support.stack import RunningStack, webjobs_up
from support.transcripts import ADDRESS, replay, steps_of
from webjobs_stack.ports import free_port

ROOT = Path(__file__).parents[2]
FILES = {
    "docs/cli.md": {
        "report/run.py": 'import sys\nprint("reading")\nsys.exit("ValueError: no such month")\n',
        "report/.venv/pyvenv.cfg": "",
        "report/.venv/lib/module.py": "",
        "secret.txt": "a password",
    },
    "docs/without_a_server.md": {
        "nightly/run.sh": 'echo "$# argument: $1"\r\nexit 3\r\n',
        "nightly/settings.job": '{"schedule": "0 30 2 * * *", "time_zone": "Europe/Berlin", "timeout": 600}',
    },
}
"""What a reader of a page has already."""
BY_ITSELF = ("README.md", "docs/http_api.md")
"""Pages that have a test of their own."""


@pytest.fixture(scope="module")
def package_index_of_tutorial() -> Iterator[PackageIndex]:
    """The packages of the tutorial, as far as it uses them."""
    humanize = wheel("humanize", files={"humanize.py": "def naturalsize(size):\n    return f'{size} B'\n"})
    tabulate = wheel("tabulate", files={"tabulate.py": "def tabulate(rows):\n    return repr(rows)\n"})
    with package_index(humanize, tabulate) as index:
        yield index


@pytest.fixture(scope="module")
def pages_stack(
    tmp_path_factory: pytest.TempPathFactory, package_index_of_tutorial: PackageIndex
) -> Iterator[RunningStack]:
    settings = {
        **package_index_of_tutorial.variables,
        "WEBJOBS_RESTART_TIME": "1",
        "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true",
        "WEBJOBS_CORS_ORIGINS": "http://localhost:3000",
    }
    with in_background(webjobs_up(tmp_path_factory.mktemp("pages") / "data", **settings)) as running:
        yield running


@pytest_asyncio.fixture
async def reader(pages_stack: RunningStack, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of the stack that a reader's folder belongs to; afterwards it has no job, hook, setting."""
    need_program("curl")
    (tmp_path / ".webjobs").symlink_to(pages_stack.data)
    async with client_of(pages_stack.url) as client:
        yield client
        for job in await client.json("/api/jobs"):
            await client.delete(f"/api/jobs/{job['type']}/{job['name']}")
        for hook in await client.json("/api/hooks"):
            await client.delete(f"/api/hooks/{hook['id']}")
        for setting in await client.json("/api/settings"):
            await client.delete(f"/api/settings/{setting}")


@pytest.mark.parametrize("page", [page for page in REPLAYED if page not in BY_ITSELF])
async def test_each_command_of_a_page_prints_what_the_page_shows(
    page: str, reader: Client, tmp_path: Path
) -> None:
    port = free_port()
    instead = {
        ADDRESS: reader.base,
        "127.0.0.1:9000": f"127.0.0.1:{port}",
        '"127.0.0.1", 9000': f'"127.0.0.1", {port}',
    }
    for name, text in FILES.get(page, {}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, newline="")
    steps = [step for step in steps_of((ROOT / page).read_text()) if step.command or step.file]
    assert steps
    for step in steps:
        await replay(step, tmp_path, instead)


async def test_each_example_of_the_http_api_is_answered_as_the_page_shows(
    reader: Client, tmp_path: Path
) -> None:
    scene = Scene(reader, tmp_path)
    instead = {ADDRESS: reader.base, "https://example.com/finished": f"http://127.0.0.1:{free_port()}/"}
    steps = [step for step in steps_of((ROOT / "docs" / "http_api.md").read_text()) if step.command]
    assert len(steps) > 60
    await scene.begin()
    try:
        for step in steps:
            await prepare(scene, step.command)
            await replay(step, tmp_path, instead | scene.instead)
    finally:
        await scene.end()
