"""Fixtures for every test: a clean environment, and real servers for those that ask for them."""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from hypothesis import settings
from support.clusters import share_clusters_in
from support.servers import EMPTY, fresh_database, nats_for_module, postgres_for_session
from webjobs_stack.nats_server import NatsServer
from webjobs_stack.postgres import Postgres

# `make test-compose` names the folder; it needs a container engine and minutes.
collect_ignore = [] if any("tests/compose" in argument for argument in sys.argv) else ["compose"]

# How long an example takes says nothing about it: the machine may be busy.
settings.register_profile("webjobs", deadline=None)
settings.load_profile("webjobs")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Schemathesis writes no reports here.

    Its part that would imports much at the very end of a session. Pytest parses what plugins import, and
    Python 3.11 cannot parse while the garbage that is collected meanwhile formats a traceback.
    """
    if config.pluginmanager.hasplugin("schemathesis-xdist"):
        config.pluginmanager.unregister(name="schemathesis-xdist")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """With `--dist loadfile`, files that share a stack are in one worker."""
    if config.getoption("dist") != "loadfile":
        return None
    from support.distribution import LoadStackScheduling

    return LoadStackScheduling(config.rootpath, config, log)


@pytest.fixture(autouse=True)
def no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test must not depend on what the person who runs it has set."""
    for name in list(os.environ):
        if name.startswith("WEBJOBS_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def shared_clusters(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All workers of this session copy one Postgres cluster."""
    folder = tmp_path_factory.getbasetemp()
    share_clusters_in((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "clusters")


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The module's NATS server: one of a session would slow down with each test, which leaves its streams.

    A test that stops one starts its own: `run_nats_server(tmp_path)`.
    """
    with nats_for_module(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="module")
def nats_url(nats_server: NatsServer) -> str:
    return nats_server.url


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The session's Postgres server. A test that stops one starts its own: `run_postgres(tmp_path)`."""
    with postgres_for_session(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest_asyncio.fixture
async def database_url(postgres_server: Postgres) -> AsyncIterator[str]:
    """A database of this test's own, with the history's tables and no rows."""
    async with fresh_database(postgres_server) as url:
        yield url


@pytest_asyncio.fixture
async def empty_database_url(postgres_server: Postgres) -> AsyncIterator[str]:
    """A database of this test's own, without any table: for tests of the migrations."""
    async with fresh_database(postgres_server, EMPTY) as url:
        yield url


@pytest.fixture
def namespace() -> str:
    """A namespace of this test's own for JetStream objects and subjects: lower-case letters and digits."""
    return f"t{secrets.token_hex(5)}"
