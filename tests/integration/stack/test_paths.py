"""The data folder may have any name: blanks, any script, quotes, what shells and formats read otherwise."""

import os
from pathlib import Path

import asyncpg
import nats
import pytest
from support.client import client_of
from support.stack import webjobs_up
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.postgres import run_postgres

NAMES = {
    "blanks": " a  b ",
    "umlauts": "Jörgs Büro",
    "decomposed": "Jo\u0308rg",
    "cjk": "データ 数据",
    "emoji": "🎉👩‍💻",
    "quotes": 'it\'s "quoted" `so`',
    "variables": "$HOME ${x} %HOME% %s {0} $(true)",
    "marks": "#;&|<>*?[!]~()=,:@^",
    "backslashes": "a\\nb\\u00f6\\",
    "controls": "\x01\t\x1b[31m\x7f",
    "not-utf-8": os.fsdecode(b"caf\xe9 \xff"),
    "dashes": "--port",
}
EVERYTHING = "".join(name for kind, name in NAMES.items() if kind != "not-utf-8")
LONG = Path(*(letter * 200 for letter in "abcdefgh"))


@pytest.fixture(params=["one in the other", "in one name", "long"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    names = {"one in the other": Path(*NAMES.values()), "in one name": EVERYTHING[:60], "long": LONG}
    return tmp_path / names[request.param]


async def test_nats_keeps_streams_below_any_folder(folder: Path) -> None:
    async with run_nats_server(folder / "nats") as server:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await client.close()
        await server.stop()
        await server.start()
        client = await nats.connect(server.url)
        await client.jetstream().stream_info("KEPT")
        await client.close()
    assert (folder / "nats" / "jetstream").is_dir()


async def test_postgres_keeps_rows_below_any_folder(folder: Path) -> None:
    async with run_postgres(folder / "postgres", settings={"fsync": "off"}) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        await connection.close()
        await server.stop()
        await server.start()
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT one FROM kept") == 1
        await connection.close()
    assert (folder / "postgres" / "cluster").is_dir()


async def test_a_stack_works_below_any_folder(tmp_path: Path) -> None:
    (tmp_path / EVERYTHING).mkdir()
    data = tmp_path / EVERYTHING / NAMES["not-utf-8"]
    async with webjobs_up(data, PYTHONIOENCODING="ascii:strict") as stack, client_of(stack.url) as client:
        await client.put_script("triggered", "put", 'cd "$WEBJOBS_DATA_PATH" && echo kept > note && cat note')
        assert await client.output_of(await client.run_to_end("put")) == ["kept"]

        dropped = stack.jobs / "continuous" / "dropped"
        dropped.mkdir()
        (dropped / "settings.job").write_text('{"is_in_place": true}')
        (dropped / "run.sh").write_text('cd "$WEBJOBS_PATH" && ls; exec sleep 1000')
        await client.until_status("dropped", "Running")
        assert (
            await client.get("/api/vfs/site/wwwroot/app_data/jobs/continuous/dropped/run.sh")
        ).status == 200
        assert (await client.get("/api/zip/site/wwwroot/")).status == 200
        assert await stack.stop() == 0
    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        await client.until_status("dropped", "Running")
        assert len(await client.runs_of("put")) == 1
        assert await stack.stop() == 0
