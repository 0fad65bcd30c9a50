"""What must be there before the console blocks of docs/http_api.md: each setup is keyed by its heading."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from support.archives import zip_of
from support.client import Client
from support.eventually import eventually, pause

HELLO = "echo hello\n"
FAILING = "echo done\nexit 3\n"
LONG = "echo long\nexec sleep 1000\n"
LOADING = 'echo "0.4 loading" > "$WEBJOBS_PROGRESS_FILE"\necho "page 7"\nexec sleep 1000\n'
RESULT = (
    'echo "1.0 done" > "$WEBJOBS_PROGRESS_FILE"\n'
    'echo \'{"rows": 1204}\' > "$WEBJOBS_RESULT_FILE"\necho hello\n'
)
SERVER = """import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")


HTTPServer(("127.0.0.1", int(os.environ["WEBJOBS_PORT"])), Handler).serve_forever()
"""
RUN = "201311080256000000"
"""The id of a run on the page."""
OTHER_RUN = "202601020304050000"


class Scene:
    """The jobs of the page, and the files in the folder of its reader."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.instead: dict[str, str] = {}
        """What stands for ids on the page."""
        self.done: set[str] = set()
        """Parts of commands whose setup is done."""
        self.in_background: asyncio.Task[None] | None = None

    async def end(self) -> None:
        """Stop what goes on in the background."""
        if self.in_background:
            self.in_background.cancel()
            await asyncio.wait([self.in_background])

    async def begin(self) -> None:
        (self.folder / "run.sh").write_text(HELLO)
        (self.folder / "job.zip").write_bytes(zip_of({"run.py": SERVER}))
        (self.folder / "more.zip").write_bytes(zip_of({"notes/more.txt": "more\n"}))
        (self.folder / "site.zip").write_bytes(zip_of({"App_Data/jobs/triggered/packed/run.sh": HELLO}))
        past = '{"Status": "Success", "StartTime": "2018-03-23T12:34:57Z", "EndTime": "2018-03-23T12:35:57Z"}'
        runs = {"201803221234567890/status": "", "201803231234567890/status": past}
        (self.folder / "runs.zip").write_bytes(zip_of(runs))
        await self.hello(HELLO)
        await self.client.put_script("triggered", "report", FAILING)
        await self.client.put_script("continuous", "worker", SERVER, "run.py")

    async def hello(self, script: str) -> None:
        """The job `hello` runs this script, and nothing of it runs any more."""
        for run in (await self.client.json("/api/runs?job=hello"))["runs"]:
            if run["status"] in ("Running", "Initializing"):
                await self.client.delete(f"/api/jobs/triggered/hello/history/{run['id']}")
                await self.client.ended("hello", run["id"])
        await self.client.put_script("triggered", "hello", script)
        await self.settings("hello", "{}")

    async def ran(self, name: str) -> None:
        run = await self.client.run_to_end(name)
        self.instead |= {RUN: run["id"], OTHER_RUN: run["id"]}

    async def runs(self, name: str) -> None:
        """A run of the job goes on."""
        run_id = await self.client.run(name)
        await self.client.begun(name, run_id)
        self.instead |= {RUN: run_id, OTHER_RUN: run_id}

    async def settings(self, name: str, settings: str) -> None:
        answer = await self.client.put(f"/api/jobs/triggered/{name}/settings", settings)
        assert answer.status == 200, answer.text


async def _refused(scene: Scene) -> None:
    empty = await scene.client.put("/api/jobs/triggered/hello", zip_of({}), Content_Type="application/zip")
    assert empty.status == 400, empty.text


async def _report_is_running(scene: Scene) -> None:
    await scene.hello(HELLO)
    await scene.ran("report")
    await scene.client.put_script("triggered", "report", LONG)
    await scene.runs("report")
    for name in ("import-a", "import-b"):
        await scene.client.put_script("continuous", name, SERVER, "run.py")


async def _hello_has_failed_and_runs(scene: Scene) -> None:
    await scene.hello(FAILING)
    await scene.ran("hello")


async def _hello_fails(scene: Scene) -> None:
    for job in ("triggered/hello", "triggered/report", "continuous/import-a", "continuous/import-b"):
        await scene.client.delete(f"/api/jobs/{job}")
    await scene.client.put_script("triggered", "report", HELLO)
    await scene.ran("report")
    await scene.client.put_script("triggered", "report", LOADING)
    await scene.settings("report", '{"schedule": "0 0 2 * * *"}')
    await scene.client.until_status("worker", "Running")
    await scene.hello(HELLO)
    for _ in range(4):
        await scene.ran("hello")
    await scene.hello(FAILING)
    for _ in range(3):
        await scene.ran("hello")
    # The last, for a run of more than ten seconds needs attention too.
    await scene.client.run("report", "--all")


async def _hello_runs(scene: Scene) -> None:
    await scene.hello(LONG)
    await scene.runs("hello")


async def _hello_has_reported(scene: Scene) -> None:
    await scene.hello(RESULT)
    await scene.ran("hello")


async def _hello_may_queue(scene: Scene) -> None:
    await scene.hello(HELLO)
    await scene.ran("hello")
    await scene.settings("hello", '{"concurrency": {"policy": "queue"}}')


async def _hello_has_run(scene: Scene) -> None:
    await scene.hello(HELLO)
    await scene.ran("hello")


async def _an_archive_of_azure_is_there(scene: Scene) -> None:
    status = (
        '{"Status": "Success", "StartTime": "2018-03-22T12:34:57.1234567Z",'
        ' "EndTime": "2018-03-22T12:35:57.1234567Z", "Trigger": "External"}'
    )
    runs = {"201803221234567890/status": "", "201803231234567890/status": status}
    (scene.folder / "runs.zip").write_bytes(zip_of(runs))


async def _worker_runs(scene: Scene) -> None:
    await scene.client.post("/api/jobs/continuous/worker/start")
    await scene.client.until_status("worker", "Running")

    async def answers() -> bool:
        return (await scene.client.get("/api/continuouswebjobs/worker/passthrough/items")).status == 200

    await eventually(answers)


async def _packages_are_deployed(scene: Scene) -> None:
    await scene.hello(HELLO)
    second = {"run.sh": "echo two\n", "settings.job": '{"schedule": "0 0 2 * * *"}'}
    await scene.client.put_zip("triggered", "hello", second)
    versions = await scene.client.json("/api/jobs/triggered/hello/versions")
    scene.instead |= {"3f2a5b0c": versions[0]["digest"][:8], "91c40de7": versions[1]["digest"][:8]}


async def _nightly_is_scheduled(scene: Scene) -> None:
    await scene.client.put_script("triggered", "nightly", HELLO)
    await scene.settings(
        "nightly", '{"schedule": "0 0 2 * * *", "time_zone": "Europe/Berlin", "enabled": false}'
    )


async def _hello_runs_again_and_again(scene: Scene) -> None:
    await scene.hello(HELLO)
    await scene.ran("hello")
    scene.instead["4710"] = "5"

    async def run() -> None:
        while True:
            await scene.client.run_to_end("hello")
            await pause(0.5, "of a followed stream between two runs")

    scene.in_background = asyncio.create_task(run())


async def _report_was_due(scene: Scene) -> None:
    await scene.settings("report", '{"schedule": "* * * * * *", "concurrency": {"policy": "allow"}}')

    async def has_run() -> bool:
        schedule = await scene.client.json("/api/jobs/triggered/report/schedule")
        return any(tick["outcome"] == "ran" for tick in schedule["last"])

    await eventually(has_run)
    await scene.settings("report", '{"schedule": "0 30 8 * * Mon-Fri", "time_zone": "Europe/Berlin"}')


async def _hello_rests(scene: Scene) -> None:
    await scene.end()
    await scene.hello(HELLO)
    await scene.ran("hello")


async def _a_folder_is_there(scene: Scene) -> None:
    for name in ("notes.txt", "old/a.txt"):
        await scene.client.put(f"/api/vfs/site/wwwroot/{name}", "x")


async def _a_hook_is_there(scene: Scene) -> None:
    (hook,) = await scene.client.json("/api/hooks")
    scene.instead["f726994390eafcbe"] = hook["id"]


async def _a_call_was_made(scene: Scene) -> None:
    (hook,) = await scene.client.json("/api/hooks")
    await scene.hello(FAILING)
    await scene.ran("hello")

    async def is_listed() -> bool:
        return scene.instead[RUN] in (await scene.client.get(f"/api/hooks/{hook['id']}/deliveries")).text

    await eventually(is_listed)


BEFORE: tuple[tuple[str, Callable[[Scene], Awaitable[None]]], ...] = (
    ("history?limt=5", _hello_has_run),
    ("/api/refusals", _refused),
    ("/api/jobs/actions", _report_is_running),
    ("/api/runs/actions", _hello_has_failed_and_runs),
    ('"action": "cancel"', _hello_runs),
    ("/api/overview", _hello_fails),
    ("/api/runs?status=Running", _hello_runs),
    ("/api/runs/hello/", _hello_has_reported),
    ("arguments=--name%20", _hello_may_queue),
    ("-X POST http://127.0.0.1:8080/api/jobs/triggered/hello/run", _hello_runs),
    ("Idempotency-Key", _hello_has_run),
    (f"-X DELETE http://127.0.0.1:8080/api/jobs/triggered/hello/history/{RUN}", _hello_runs),
    ("/rerun", _hello_has_run),
    ("@runs.zip", _an_archive_of_azure_is_there),
    ("passthrough/items", _worker_runs),
    ("/nightly/why", _nightly_is_scheduled),
    ("/hello/versions", _packages_are_deployed),
    ("/vfs/data/jobs/triggered/hello", _hello_has_run),
    ("/report/schedule", _report_was_due),
    ("Accept: text/event-stream", _hello_has_run),
    ("api/events?job=hello", _hello_runs_again_and_again),
    ("/api/vfs/site/wwwroot/App_Data/jobs/triggered/hello/run.sh", _hello_rests),
    ("wwwroot/notes.txt", _a_folder_is_there),
    ('-X PATCH -d \'{"event"', _a_hook_is_there),
    ('{"delivery_id"', _a_call_was_made),
)
"""A part of the first command of a block, and what must be there before it, each once."""


async def prepare(scene: Scene, command: str) -> None:
    """Do what must be there before a command, if it begins a block that needs something."""
    for part, setup in BEFORE:
        if part in command and part not in scene.done:
            scene.done.add(part)
            await setup(scene)
            return
