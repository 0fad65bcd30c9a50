"""An upload that fails, is cut off or is hostile leaves the version before byte-equal and running."""

import asyncio
import functools
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import pytest
from support.archives import zip_bomb, zip_of, zip_through_link, zip_with_wrong_checksum
from support.bus import JobEvents, job_events
from support.client import Client, job_url, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.stack import RunningStack

FILES: dict[str, str | bytes] = {
    "run.sh": "echo version $(cat data); sleep 1000",
    "data": "one",
    "lib/b": b"\x00",
}


@functools.cache
def hostile() -> dict[str, tuple[bytes, str]]:
    """Archives, and what is said of each; made when they are used, for they take a second."""
    return {
        "slip": (zip_of({"run.sh": "echo", "../../../../slipped": "x"}), "leads out of the job's folder"),
        "slip by a backslash": (zip_of({"run.sh": "echo", "..\\..\\slipped": "x"}), "leads out of"),
        "absolute": (zip_of({"run.sh": "echo", "/tmp/slipped": "x"}), "leads out of the job's folder"),
        "through a link": (zip_through_link("out", "/tmp"), "both as a file and as a folder"),
        "through a link that stays inside": (
            zip_through_link("out", "lib"),
            "both as a file and as a folder",
        ),
        "nothing": (zip_of({}), "the archive is empty"),
        "litter": (zip_of({"__MACOSX/._run.sh": "x"}), "no file that can be deployed"),
        "bomb": (zip_bomb(20_000_000), "times its packed size"),
        "too many entries": (zip_of({"run.sh": "echo"} | {f"f{n}": "" for n in range(20_000)}), "entries"),
        "wrong checksum": (zip_with_wrong_checksum(), "damaged"),
        "truncated": (zip_of({"run.sh": "echo " * 100})[:-30], "cut short"),
        "no script": (zip_of({"data": "two"}), "No runnable script"),
    }


def has_refused(number: int, seen: JobEvents) -> bool:
    return len(seen.of("DeployFailed")) == number


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class Untouched:
    """A running job whose files, process and events are the same as before."""

    def __init__(self, stack: RunningStack, name: str, seen: JobEvents) -> None:
        self._name = name
        self._seen = seen
        self._folder = stack.jobs / "continuous" / name
        self._files = content_of(self._folder)
        self._processes = self._alive()
        self._events = list(seen.names)
        assert self._processes
        assert {name: content for name, content in self._files.items() if name != "settings.job"} == {
            name: content if isinstance(content, bytes) else content.encode()
            for name, content in FILES.items()
        }

    async def check(self, client: Client) -> None:
        assert content_of(self._folder) == self._files
        assert self._alive() == self._processes
        assert [name for name in self._seen.names if name != "DeployFailed"] == self._events
        assert (await client.job("continuous", self._name))["status"] == "Running"

    def _alive(self) -> set[tuple[int, float]]:
        pids = processes_with(f"WEBJOBS_NAME={self._name}\0")
        return {(pid, psutil.Process(pid).create_time()) for pid in pids}


async def running_job(client: Client, stack: RunningStack, seen: JobEvents, name: str) -> Untouched:
    await client.put_zip("continuous", name, FILES)
    await client.until_status(name, "Running")

    async def has_spoken() -> bool:
        return "version one" in [line.text for line in await client.job_log(name)]

    await eventually(has_spoken, 30)
    return Untouched(stack, name, seen)


async def test_hostile_archives_are_refused_and_leave_everything_as_it_was(
    client: Client, stack: RunningStack
) -> None:
    name = unique("guarded")
    async with job_events(stack.nats_url, "continuous", name) as seen:
        job = await running_job(client, stack, seen, name)
        for number, (body, words) in enumerate(hostile().values(), 1):
            answer = await client.put(job_url("continuous", name), body, Content_Type="application/zip")
            assert (answer.status, words in answer.text) == (400, True), answer.text
            await seen.until(partial(has_refused, number))
            assert seen.of("DeployFailed")[-1].reason == answer.text  # type: ignore[attr-defined]
            await job.check(client)
        assert not [
            *stack.data.rglob("slipped"),
            *stack.data.parent.glob("slipped"),
            *Path("/tmp").glob("slipped"),
        ]
        await client.delete(job_url("continuous", name))


async def test_a_merge_that_fails_leaves_everything_as_it_was(client: Client, stack: RunningStack) -> None:
    name = unique("merged")
    address = f"/api/zip/site/wwwroot/App_Data/jobs/continuous/{name}/"
    async with job_events(stack.nats_url, "continuous", name) as seen:
        job = await running_job(client, stack, seen, name)
        for body in (
            hostile()["slip"][0],
            hostile()["truncated"][0],
            zip_of({"data/below": "a file is in the way"}),
        ):
            assert (await client.put(address, body)).status == 400
            await job.check(client)
        await client.delete(job_url("continuous", name))


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
async def test_an_upload_cut_off_in_the_middle_leaves_everything_as_it_was(
    client: Client, stack: RunningStack, framing: str
) -> None:
    name = unique("cut")
    whole = zip_of({"run.sh": "echo second"})
    async with job_events(stack.nats_url, "continuous", name) as seen:
        job = await running_job(client, stack, seen, name)
        port = int(client.base.rpartition(":")[2])
        for body in (whole[:40], whole):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = f"PUT {job_url('continuous', name)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if "chunked" in framing else body
            writer.write(f"{request}Content-Type: application/zip\r\n{framing}\r\n\r\n".encode() + chunk)
            await writer.drain()
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 30)
            writer.close()
            await writer.wait_closed()
            await job.check(client)
        # The next upload is none the worse for it.
        await client.put_zip("continuous", name, {**FILES, "data": "two"})
        await seen.until(lambda s: s.names.count("Running") == 2)
        await client.delete(job_url("continuous", name))


async def test_a_deploy_touches_no_other_job(client: Client, stack: RunningStack) -> None:
    name = unique("bystander")
    async with job_events(stack.nats_url, "continuous", name) as seen:
        job = await running_job(client, stack, seen, name)
        other = unique("other")
        for version in range(3):
            await client.put_script("continuous", other, f"sleep 100{version}")
            await client.put_script("triggered", name, f"echo {version}")
        await client.delete(job_url("continuous", other))
        await client.delete(job_url("triggered", name))
        await job.check(client)
        await client.delete(job_url("continuous", name))


async def test_a_running_script_keeps_the_version_it_started_with(client: Client) -> None:
    name = unique("running")
    waits = 'until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done; cat data'
    await client.put_zip("triggered", name, {"run.sh": waits, "data": "one"})
    first = await client.run(name)
    await client.begun(name, first)
    await client.put_zip("triggered", name, {"run.sh": "cat data", "data": "two"})
    opener = unique("opener")
    await client.put_script("triggered", opener, f'touch "$WEBJOBS_DATA_PATH/../{name}/go"')
    await client.run_to_end(opener)
    assert await client.output_of(await client.ended(name, first)) == ["one"]
    assert await client.output_of(await client.run_to_end(name)) == ["two"]


async def test_a_slow_copy_never_shows_half_a_version(client: Client, stack: RunningStack) -> None:
    name = unique("slow")
    parts = [f"part-{number}" for number in range(4)]
    await client.put_zip("triggered", name, {"run.sh": "cat part-*", **dict.fromkeys(parts, "old\n")})
    folder = stack.jobs / "triggered" / name
    versions = {("old",) * len(parts), ("new",) * len(parts)}
    seen = []

    async def run() -> bool:
        seen.append(tuple(await client.output_of(await client.run_to_end(name))))
        return seen[-1][0] == "new"

    with ExitStack() as copying:  # while a file is open for writing, the copy is not complete
        for part in parts:
            copied = copying.enter_context((folder / part).open("w"))
            copied.write("ne")
            copied.flush()
            await run()  # the copy takes as long as a run does
            copied.write("w\n")
            copied.flush()
            await run()
    await eventually(run, 30)
    assert set(seen) == versions
