"""The stack with toy services: order of start and stop, restarts, refusals, nothing left behind."""

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from support.announcements import Announcements
from support.eventually import eventually
from support.process_search import processes_with, processes_working_in
from webjobs_stack import environment
from webjobs_stack.errors import DataFolderInUse, InvalidSetting, PortTaken, ServiceRefused
from webjobs_stack.folder import DataFolder
from webjobs_stack.health import is_healthy
from webjobs_stack.ports import free_port
from webjobs_stack.stack import Stack, StackOptions

TOY = "support.toy_service"
TESTS = Path(__file__).parents[2]


@pytest.fixture
def marker() -> str:
    return f"MARK_{secrets.token_hex(8)}"


@pytest.fixture
def options(tmp_path: Path, nats_url: str, marker: str) -> StackOptions:
    """Toy services on the module's NATS; no Postgres is needed, as nobody connects."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(TESTS),
        marker: "1",
        "WEBJOBS_NATS_URL": nats_url,
        "WEBJOBS_DATABASE_URL": "postgresql://ada:secret@127.0.0.1/webjobs",
    }
    return StackOptions(
        tmp_path / "data",
        environment,
        port=free_port(),
        api_module=TOY,
        runner_module=TOY,
        history_module=TOY,
    )


def with_variables(options: StackOptions, **variables: str) -> StackOptions:
    return replace(options, environment={**options.environment, **variables})


async def test_services_start_healthy_and_stop_in_order_leaving_nothing(
    options: StackOptions, marker: str
) -> None:
    heard = Announcements()
    async with Stack(replace(options, runners=2), heard) as stack:
        assert await is_healthy("127.0.0.1", options.port)
        assert stack.url == f"http://127.0.0.1:{options.port}"
        assert set(heard.names("ready")) == {"history", "runner-1", "runner-2", "api"}
        assert len(processes_with(marker)) == 4
    assert heard.names("stopped")[0] == "api"
    assert set(heard.names("stopped")[1:3]) == {"runner-1", "runner-2"}
    assert heard.names("stopped")[3] == "history"
    assert processes_with(marker) == []


async def test_each_service_gets_its_own_environment(options: StackOptions) -> None:
    heard = Announcements()
    async with Stack(with_variables(options, WEBJOBS_RESTART_TIME="7"), heard):
        api, runner, history = (heard.environment_of(name) for name in ("api", "runner", "history"))
    assert api["WEBJOBS_PORT"] == str(options.port)
    assert runner["WEBJOBS_DATA"] == str(options.data)
    assert len(runner["WEBJOBS_INSTANCE_ID"]) == 6
    assert runner["WEBJOBS_RESTART_TIME"] == "7"
    credentials = {name: heard.credentials_of(name) for name in ("api", "runner", "history")}
    nats = {"WEBJOBS_NATS_URL": options.environment["WEBJOBS_NATS_URL"]}
    database = {"WEBJOBS_DATABASE_URL": options.environment["WEBJOBS_DATABASE_URL"]}
    assert credentials == {"api": nats, "runner": nats, "history": {**nats, **database}}
    assert not {*nats, *database} & (api.keys() | runner.keys() | history.keys())
    assert ("uses", "postgres postgresql://127.0.0.1/webjobs") in heard.events


async def test_a_runner_keeps_its_instance_id_over_restarts_of_the_stack(options: StackOptions) -> None:
    ids = []
    for _ in range(2):
        heard = Announcements()
        async with Stack(options, heard):
            ids.append(heard.environment_of("runner")["WEBJOBS_INSTANCE_ID"])
    assert ids[0] == ids[1]


async def test_a_killed_service_is_started_again_and_it_is_said(options: StackOptions) -> None:
    heard = Announcements()
    async with Stack(options, heard):
        first = heard.environment_of("api")["pid"]
        os.kill(int(first), signal.SIGKILL)
        await eventually(lambda: heard.names("ready").count("api") == 2)
        assert heard.ends == ["was killed by SIGKILL"]
        assert heard.environment_of("api")["pid"] != first
        assert await is_healthy("127.0.0.1", options.port)


async def test_a_service_that_refuses_to_start_stops_the_rest(options: StackOptions, marker: str) -> None:
    heard = Announcements()
    refusing = with_variables(options, TOY_FAULT="refuse")
    with pytest.raises(ServiceRefused, match="did not start: it ended with exit code 3"):
        async with Stack(refusing, heard):
            pass
    assert any("I refuse" in lines for lines in heard.lines.values())
    assert processes_with(marker) == []


async def test_hurry_kills_a_service_that_does_not_listen(options: StackOptions, marker: str) -> None:
    hurry = asyncio.Event()
    stack = Stack(with_variables(options, TOY_FAULT="deaf"), Announcements(), hurry)
    await stack.start()
    stopping = asyncio.create_task(stack.stop())
    hurry.set()
    async with asyncio.timeout(30):
        await stopping
    assert processes_with(marker) == []


async def test_a_runner_has_as_long_to_stop_as_its_scripts_are_granted(
    options: StackOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "RUNNER_STOP_SECONDS", 0.2)
    heard = Announcements()
    async with Stack(with_variables(options, TOY_FAULT="slow"), heard):
        pass
    assert '{"ended": "by itself"}' in heard.lines["runner"]


async def test_a_runner_that_hangs_while_it_stops_is_killed(
    options: StackOptions, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    monkeypatch.setattr(environment, "RUNNER_STOP_SECONDS", 0.2)
    async with Stack(with_variables(options, TOY_FAULT="hung"), Announcements()):
        pass
    assert processes_with(marker) == []


async def test_a_second_stack_on_the_folder_is_refused(options: StackOptions) -> None:
    async with Stack(options, Announcements()):
        with pytest.raises(DataFolderInUse, match=f"{options.data} is in use by process {os.getpid()}"):
            async with Stack(replace(options, port=free_port()), Announcements()):
                pass
        assert await is_healthy("127.0.0.1", options.port)


async def test_what_a_killed_stack_left_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    killed_stack = (
        "import asyncio, pathlib, subprocess, webjobs_stack.folder as f\n"
        f"lock = asyncio.run(f.DataFolder(pathlib.Path({str(tmp_path)!r})).lock(lambda: None))\n"
        "deaf = ['sh', '-c', 'trap \"\" TERM; echo; sleep 1000 <&- >&-']\n"
        "child = subprocess.Popen(deaf, pass_fds=[lock], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid)\n"
    )
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", killed_stack, stdout=asyncio.subprocess.PIPE
    )
    leftover = int((await killed.communicate())[0])
    waited: list[bool] = []
    lock = await folder.lock(lambda: waited.append(True), leftover_seconds=0.2)
    try:
        assert waited == [True]
        assert not Path(f"/proc/{leftover}/fd/{lock}").exists()
        with pytest.raises(DataFolderInUse, match=f"in use by process {os.getpid()}"):
            await folder.lock(lambda: None)
    finally:
        os.close(lock)


async def test_a_taken_http_port_is_refused_before_anything_starts(options: StackOptions) -> None:
    heard = Announcements()
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", options.port):
        with pytest.raises(PortTaken, match=f"Port {options.port} .* --port"):
            async with Stack(options, heard):
                pass
    assert heard.events == []


async def test_a_senseless_nats_port_is_named(options: StackOptions) -> None:
    with pytest.raises(InvalidSetting, match="WEBJOBS_NATS_PORT is 'many'"):
        async with Stack(with_variables(options, WEBJOBS_NATS_PORT="many"), Announcements()):
            pass


async def test_replicas_are_refused_with_the_embedded_nats(options: StackOptions) -> None:
    embedded = with_variables(options, WEBJOBS_NATS_URL="", WEBJOBS_NATS_REPLICAS="3")
    with pytest.raises(
        InvalidSetting, match="WEBJOBS_NATS_REPLICAS is '3'; it must be 1 with the embedded NATS"
    ):
        async with Stack(embedded, Announcements()):
            pass


async def test_embedded_servers_come_first_go_last_and_are_restarted(options: StackOptions) -> None:
    port = free_port()
    embedded = with_variables(
        options, WEBJOBS_NATS_URL="", WEBJOBS_DATABASE_URL="", WEBJOBS_NATS_PORT=str(port)
    )
    heard = Announcements()
    async with Stack(embedded, heard) as stack:
        assert set(heard.names("ready")[:2]) == {"nats", "postgres"}
        assert heard.credentials_of("api")["WEBJOBS_NATS_URL"].endswith(f"@127.0.0.1:{port}")
        pid = int(next(stack.folder.nats.glob("*.ports")).stem.rpartition("_")[2])
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: heard.names("ready").count("nats") == 2)
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        await client.close()
    assert set(heard.names("stopped")[-2:]) == {"nats", "postgres"}
    assert processes_working_in(options.data) == []
