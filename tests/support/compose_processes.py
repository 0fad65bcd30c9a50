"""Runs what docker-compose.yml describes as processes: its commands and variables, its hosts on loopback."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.compose import ROOT, load_compose, targets
from support.eventually import eventually
from webjobs_stack.nats_server import find_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import Postgres, find_program
from webjobs_stack.process import Child, open_log, spawn


@dataclass(frozen=True)
class ComposeProcess:
    """One service as a process."""

    child: Child
    check: list[str]
    log: Path
    port: int

    async def healthy(self) -> bool:
        """Whether its very health check succeeds."""
        process = await asyncio.create_subprocess_exec(
            *self.check, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        return await process.wait() == 0

    async def _ended_or_healthy(self) -> bool:
        return self.child.exit_code is not None or await self.healthy()

    async def until_healthy(self) -> None:
        """Wait for it; what it wrote is in the error."""
        try:
            await eventually(self._ended_or_healthy, 30, interval=0.2)
            assert self.child.exit_code is None
        except AssertionError as error:
            raise AssertionError(self.log.read_text()[-4000:]) from error


class ComposeRun:
    """A run of the compose file below one folder, with ports of its own."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.variables = variables
        self.services: dict[str, dict[str, Any]] = load_compose(variables)["services"]
        self.nats_port = free_port()
        self.postgres_port = 0
        self._replicas = 0

    @contextlib.asynccontextmanager
    async def nats(self) -> AsyncIterator[ComposeProcess]:
        """The NATS server with the file's command and configuration; only addresses and folder differ."""
        service = self.services["nats"]
        places = {volume.split(":")[1]: ROOT / volume.split(":")[0] for volume in service["volumes"]}
        places["/data"] = self.folder / "nats"
        command = [str(places.get(word, word)) for word in service["command"]]
        monitoring = free_port()
        address = ["--addr", "127.0.0.1", "--port", str(self.nats_port), "--http_port", str(monitoring)]
        check = self._check("nats", {"8222": str(monitoring)})
        async with self._running(
            "nats",
            self.nats_port,
            [find_nats_server(), *command, *address],
            service["environment"],
            check,
        ) as process:
            await process.until_healthy()
            yield process

    @contextlib.asynccontextmanager
    async def postgres(self) -> AsyncIterator[list[str]]:
        """A Postgres with the file's password; yields its health check."""
        password = self.services["postgres"]["environment"]["POSTGRES_PASSWORD"]
        server = Postgres(self.folder / "postgres", settings={"fsync": "off"}, password=password)
        try:
            await server.start()
            self.postgres_port = server.port
            check = self._check("postgres", {})
            yield [str(find_program(check[0])), *check[1:], "--port", str(server.port)]
        finally:
            await server.stop()

    @contextlib.asynccontextmanager
    async def service(self, name: str) -> AsyncIterator[ComposeProcess]:
        """One of ours, by the command of its image; ready when entered."""
        async with self.starting(name) as process:
            await process.until_healthy()
            yield process

    @contextlib.asynccontextmanager
    async def starting(self, name: str, port: int = 0) -> AsyncIterator[ComposeProcess]:
        """The same, not waited for."""
        service = self.services[name]
        image = targets()[service["build"]["target"]]
        port = port or free_port()
        environment = {
            variable: self._local(str(value), port)
            for variable, value in {**image["env"], **service["environment"]}.items()
        }
        command = [sys.executable if word.endswith("/bin/python") else word for word in image["cmd"]]
        self._replicas += 1
        async with self._running(
            f"{name}-{self._replicas}",
            port,
            [Path(command[0]), *command[1:]],
            {"PATH": os.environ["PATH"], "TMPDIR": str(self.folder), **environment},
            self._check(name, {"8080": str(port)}),
        ) as process:
            yield process

    def _local(self, value: str, port: int) -> str:
        places = {
            "@nats:4222": f"@127.0.0.1:{self.nats_port}",
            "@postgres:5432": f"@127.0.0.1:{self.postgres_port}",
            "0.0.0.0": "127.0.0.1",
            "8080": str(port),
            "/data": str(self.folder / "data"),
        }
        for theirs, ours in places.items():
            value = value.replace(theirs, ours) if theirs.startswith("@") else value
            value = ours if value == theirs else value
        return value

    def _check(self, name: str, ports: Mapping[str, str]) -> list[str]:
        kind, *check = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        for theirs, ours in ports.items():
            check = [word.replace(f":{theirs}/", f":{ours}/") for word in check]
        return [sys.executable if word == "python3" else word for word in check]

    @contextlib.asynccontextmanager
    async def _running(
        self,
        name: str,
        port: int,
        command: list[str | Path],
        environment: Mapping[str, str],
        check: list[str],
    ) -> AsyncIterator[ComposeProcess]:
        path = self.folder / f"{name}.log"
        log = open_log(path)
        try:
            child = await spawn(
                command, death_signal=signal.SIGTERM, output=log, environment=dict(environment)
            )
        finally:
            os.close(log)
        try:
            yield ComposeProcess(child, check, path, port)
        finally:
            await child.stop(signal.SIGTERM, 15)
