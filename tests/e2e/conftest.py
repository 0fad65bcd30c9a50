"""Two stacks, started by the command line: one for peaceful tests, one for rough ones.

Files whose tests use the same one run in one worker (`support.distribution`). A stack that a file starts for
itself is a fixture of another name, or is started in the test.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from support.background import in_background
from support.client import Client, client_of
from support.stack import RunningStack, webjobs_up


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One runner, a restart time short enough to be waited for, hooks to loopback."""
    data = tmp_path_factory.mktemp("stack") / "data"
    settings = {"WEBJOBS_RESTART_TIME": "1", "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true"}
    with in_background(webjobs_up(data, **settings)) as running:
        yield running


@pytest.fixture(scope="package")
def rough_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """For tests that kill parts or change what holds for every job; each leaves it as it was."""
    with in_background(webjobs_up(tmp_path_factory.mktemp("rough") / "data")) as running:
        yield running


@pytest_asyncio.fixture
async def client(stack: RunningStack) -> AsyncIterator[Client]:
    async with client_of(stack.url) as speaking:
        yield speaking
