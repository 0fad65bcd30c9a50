"""The embedded NATS and Postgres: start, stop, die, start again."""

import os
import shutil
import signal
import sys
from pathlib import Path

import asyncpg
import nats
import pytest
from support.eventually import eventually
from support.servers import own_postgres_in
from webjobs_stack.errors import DidNotStart, PortTaken
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import Postgres, run_postgres
from webjobs_stack.process import spawn


async def test_streams_survive_a_killed_nats_server_on_the_same_port(tmp_path: Path) -> None:
    async with run_nats_server(tmp_path / "nats") as server:
        before = server.url
        client = await nats.connect(before)
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await client.jetstream().publish("kept", b"one")
        await client.close()
        server.kill()
        assert await server.wait() == -signal.SIGKILL
        await server.start()
        assert server.url == before
        client = await nats.connect(server.url)
        assert (await client.jetstream().stream_info("KEPT")).state.messages == 1
        await client.close()


async def test_a_taken_nats_port_is_named(tmp_path: Path, nats_server: NatsServer) -> None:
    with pytest.raises(PortTaken, match=f"Port {nats_server.port} .* WEBJOBS_NATS_PORT"):
        async with run_nats_server(tmp_path, port=nats_server.port):
            pass


async def test_a_nats_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    (tmp_path / "nats" / "jetstream").write_text("a file in the way")
    with pytest.raises(DidNotStart, match="nats did not start: it ended with exit code 1") as error:
        async with run_nats_server(tmp_path / "nats"):
            pass
    assert "JetStream" in error.value.last_output


async def test_rows_survive_a_killed_postgres_on_the_same_port(tmp_path: Path) -> None:
    async with run_postgres(tmp_path / "postgres") as server:
        before = server.url
        connection = await asyncpg.connect(before)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.kill()
        assert await server.wait() == -signal.SIGKILL
        connection.terminate()
        await server.start()
        assert server.url == before
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT one FROM kept") == 1
        await connection.close()


async def test_a_pid_file_that_names_a_living_stranger_does_not_stop_postgres(tmp_path: Path) -> None:
    async with own_postgres_in(tmp_path / "postgres") as server:
        server.kill()
        await server.wait()
        pid_file = server.cluster / "postmaster.pid"
        await eventually(pid_file.exists)
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        await server.start()
        assert server.pid != os.getpid()


async def test_postgres_runs_below_a_folder_only_root_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with run_postgres(closed / "data" / "postgres", settings={"fsync": "off"}) as server:
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT current_database()") == "webjobs"
        await connection.close()
        if os.geteuid() == 0:
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
            assert _capabilities(server.pid) == 1 << 2, "it may search and read folders, nothing else"
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="every test here is an ordinary user's then")
async def test_postgres_runs_for_an_ordinary_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, "daemon")
    script = (
        "import asyncio, os, pathlib, webjobs_stack.postgres as p\n"
        "async def main():\n"
        f"    async with p.run_postgres(pathlib.Path({str(home / 'data')!r})) as s:\n"
        "        assert os.geteuid() != 0\n"
        "        assert os.stat(f'/proc/{s.pid}').st_uid == os.geteuid()\n"
        "asyncio.run(main())\n"
    )
    child = await spawn(
        [Path(sys.executable), "-c", script],
        death_signal=signal.SIGTERM,
        output=2,
        user="daemon",
        reach=home,
    )
    assert await child.wait() == 0


async def test_half_an_initialisation_is_begun_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    async with run_postgres(tmp_path / "postgres", settings={"fsync": "off"}) as server:
        assert not unfinished.exists()
        assert server.cluster.exists()


async def test_postgres_wants_its_password(postgres_server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            postgres_server.url.replace(postgres_server.url.split(":")[2].split("@")[0], "x")
        )


async def test_a_postgres_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart, match="postgres did not start") as error:
        async with run_postgres(tmp_path / "postgres", settings={"fsync": "off", "max_connections": "many"}):
            pass
    assert "max_connections" in error.value.last_output


@pytest.mark.parametrize("damage", ["a file in its place", "no control file", "no version"])
async def test_a_damaged_cluster_is_said_not_to_start(tmp_path: Path, damage: str) -> None:
    async with own_postgres_in(tmp_path / "postgres") as server:
        await server.stop()
        if damage == "a file in its place":
            shutil.rmtree(server.cluster)
            server.cluster.write_text("")
        else:
            missing = {"no control file": "global/pg_control", "no version": "PG_VERSION"}[damage]
            (server.cluster / missing).unlink()
        with pytest.raises(DidNotStart, match="postgres did not start"):
            await Postgres(tmp_path / "postgres", settings={"fsync": "off"}).start()


def test_free_ports_are_outside_the_range_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(200)]
    assert max(ports) < first and len(set(ports)) == len(ports)


async def test_each_test_has_a_database_of_its_own(database_url: str, empty_database_url: str) -> None:
    assert database_url != empty_database_url
    assert "runs" in await tables_of(database_url)
    assert await tables_of(empty_database_url) == set()


async def tables_of(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows}


def _capabilities(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
