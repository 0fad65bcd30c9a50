"""While NATS or Postgres is away, each service logs that once: as processes, with the loops that retry."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from support.eventually import eventually
from support.outages import crash
from support.servers import own_postgres_in
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.ports import free_port

OUTAGE_SECONDS = 6.0  # some thirty tries of each address, twelve of each loop


@contextlib.asynccontextmanager
async def service(
    name: str, folder: Path, variables: Mapping[str, str]
) -> AsyncIterator[Callable[[], list[str]]]:
    """A service as a process; yields what reads its warnings and errors so far."""
    output = folder / f"{name}.log"
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"webjobs_{name}"),
            env={"PATH": os.environ["PATH"], "WEBJOBS_LOG_FORMAT": "json", **variables},
            stdout=file,
            stderr=file,
        )

    def complaints() -> list[str]:
        lines = [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]
        return [line["message"] for line in lines if line["level"] in ("warning", "error")]

    try:
        yield complaints
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def outage() -> None:
    """Let it last."""
    over_at = time.monotonic() + OUTAGE_SECONDS
    await eventually(lambda: time.monotonic() > over_at, OUTAGE_SECONDS + 5, interval=0.2)


def addresses(server: NatsServer) -> str:
    """The server by several addresses, as the name of a cluster gives them."""
    return ",".join(f"nats://{host}:{server.port}" for host in ("localhost", "127.0.0.1", "127.0.0.2"))


async def until_ready(variables: Mapping[str, str]) -> None:
    async def is_ready() -> bool:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(variables["WEBJOBS_HEALTH_PORT"]))
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return b" 200 " in answer.split(b"\r\n", 1)[0]
        return False

    await eventually(is_ready, 60, interval=0.2)


@pytest.mark.parametrize("name", ["runner", "history"])
async def test_an_outage_of_nats_is_two_lines(name: str, tmp_path: Path, database_url: str) -> None:
    async with run_nats_server(tmp_path / "nats") as server:
        variables = {
            "WEBJOBS_NATS_URL": addresses(server),
            "WEBJOBS_HEALTH_PORT": str(free_port()),
            "WEBJOBS_DATA": str(tmp_path / "data"),
            "WEBJOBS_TEMP": str(tmp_path / "temp"),
            "WEBJOBS_INSTANCE_ID": "0a0b0c",
            "WEBJOBS_DATABASE_URL": database_url,
        }
        async with service(name, tmp_path, variables) as complaints:
            await until_ready(variables)
            before = len(complaints())
            await crash(server)
            await outage()
            assert complaints()[before:] == ["nats unavailable"]
            await server.start()
            await until_ready(variables)
            assert complaints()[before:] == ["nats unavailable"]
            assert '"nats available again"' in (tmp_path / f"{name}.log").read_text()


async def test_an_outage_of_postgres_is_two_lines(tmp_path: Path, nats_url: str, namespace: str) -> None:
    async with own_postgres_in(tmp_path / "postgres") as postgres:
        variables = {
            "WEBJOBS_NATS_URL": nats_url,
            "WEBJOBS_NAMESPACE": namespace,
            "WEBJOBS_HEALTH_PORT": str(free_port()),
            "WEBJOBS_DATABASE_URL": postgres.url,
        }
        async with service("history", tmp_path, variables) as complaints:
            await until_ready(variables)
            before = len(complaints())
            await postgres.stop()
            await outage()
            assert complaints()[before:] == ["projection unavailable"]
            await postgres.start()
            await until_ready(variables)
            assert complaints()[before:] == ["projection unavailable"]
            await eventually(
                lambda: '"projection available again"' in (tmp_path / "history.log").read_text(), 15
            )
