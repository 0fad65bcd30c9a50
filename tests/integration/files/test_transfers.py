"""Transfers that end too early: clients that leave, runners that die, and what is left of them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from integration.files.conftest import Files, uploads_of
from support.eventually import eventually, pause
from support.runners import RunningRunner, runner_process, running_runner
from webjobs_api.backends.downloads import Downloads
from webjobs_api.backends.runner_files import FilesOfRunner
from webjobs_events import files as messages
from webjobs_events.files import decode_reply, encode, operation_of
from webjobs_events.jetstream import Bus
from webjobs_rules.archive_entries import UploadLimits
from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.vfs.file_service import FileService
from webjobs_runner.vfs.site_files import SiteFiles

MIB = 1024 * 1024
ANY = messages.Condition(match=("*",))


async def slow_body(may_end: asyncio.Event) -> AsyncIterator[bytes]:
    """More than a chunk, then nothing until it may end."""
    yield bytes(MIB)
    await may_end.wait()
    yield b"end"


async def test_an_upload_that_breaks_off_changes_nothing_and_leaves_nothing(files: Files) -> None:
    await files.put("/vfs/site/x.bin", b"before")
    upload = asyncio.create_task(files.put("/vfs/site/x.bin", slow_body(asyncio.Event()), If_Match="*"))
    await eventually(lambda: [path for path in uploads_of(files.site) if path.stat().st_size])
    upload.cancel()
    await asyncio.gather(upload, return_exceptions=True)
    await eventually(lambda: uploads_of(files.site) == [])
    assert (await files.get("/vfs/site/x.bin")).body == b"before"


async def test_a_file_that_changed_during_the_upload_is_not_overwritten(files: Files) -> None:
    etag = (await files.put("/vfs/site/x.bin", b"before")).headers["ETag"]
    may_end = asyncio.Event()
    upload = asyncio.create_task(files.put("/vfs/site/x.bin", slow_body(may_end), If_Match=etag))
    await eventually(lambda: uploads_of(files.site))
    assert (await files.put("/vfs/site/x.bin", b"theirs", If_Match=etag)).status == 204
    may_end.set()
    assert (await upload).status == 412
    assert (await files.get("/vfs/site/x.bin")).body == b"theirs"


async def test_a_reader_gets_the_file_as_it_was_when_he_began(files: Files) -> None:
    before = os.urandom(40 * MIB)
    (files.site / "site" / "x.bin").write_bytes(before)
    async with files.session.get(f"{files.url}/vfs/site/x.bin") as answer:
        first = await answer.content.readexactly(MIB)
        assert (await files.put("/vfs/site/x.bin", b"after", If_Match="*")).status == 204
        assert first + await answer.read() == before
    assert (await files.get("/vfs/site/x.bin")).body == b"after"


async def test_a_file_that_is_cut_while_it_is_read_is_not_sent_as_whole(files: Files) -> None:
    path = files.site / "site" / "x.bin"
    path.write_bytes(bytes(64 * MIB))
    async with files.session.get(f"{files.url}/vfs/site/x.bin") as answer:
        await answer.content.readexactly(MIB)
        os.truncate(path, 10)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_reader_who_leaves_leaves_nothing_open(files: Files) -> None:
    path = files.site / "site" / "x.bin"
    path.write_bytes(bytes(64 * MIB))
    for address in ("/vfs/site/x.bin", "/api/zip/site/"):
        answer = await files.session.get(f"{files.url}{address}")
        await answer.content.readexactly(1000)
        answer.close()
    await eventually(lambda: str(path) not in open_files())


def open_files() -> set[str]:
    """What this process, in which the runner is, has open."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue
    return found


async def test_without_a_runner_files_are_away(
    session: aiohttp.ClientSession, api_url: str, tmp_path: Path
) -> None:
    files = Files(session, api_url, tmp_path)
    asked = (("GET", "/vfs/"), ("PUT", "/vfs/site/x"), ("DELETE", "/vfs/x"), ("GET", "/api/zip/"))
    for got in await asyncio.gather(*(files.ask(method, path) for method, path in asked)):
        assert (got.status, "Retry-After" in got.headers) == (503, True)


async def test_a_runner_that_dies_ends_its_transfers_and_no_others(
    bus: Bus, nats_url: str, session: aiohttp.ClientSession, api_url: str, tmp_path: Path
) -> None:
    async with (
        runner_process(bus, nats_url, tmp_path, name="one", instance_id="000001") as first,
        running_runner(bus, nats_url, tmp_path, name="two", instance_id="ffffff"),
    ):
        files = Files(session, api_url, tmp_path / "one")
        (tmp_path / "one" / "site" / "x.bin").write_bytes(bytes(64 * MIB))
        (tmp_path / "two" / "site" / "x.bin").write_bytes(b"two")
        may_end = asyncio.Event()
        upload = asyncio.create_task(files.put("/vfs/site/y.bin", slow_body(may_end)))
        await eventually(lambda: uploads_of(tmp_path / "one"))
        async with session.get(f"{api_url}/vfs/site/x.bin") as answer:
            await answer.content.readexactly(MIB)
            await first.kill()

            async def asks_the_next_one() -> bool:  # once NATS knows that the first is gone
                return (await files.get("/vfs/site/x.bin")).body == b"two"

            await eventually(asks_the_next_one)
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        may_end.set()
        broken = await upload
        assert (broken.status, "Retry-After" in broken.headers) == (503, True)
        assert not (tmp_path / "two" / "site" / "y.bin").exists()
    assert not (tmp_path / "one" / "site" / "y.bin").exists()


async def test_the_files_of_one_runner_can_be_asked_for(
    files: Files, runner: RunningRunner, bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path, name="other", instance_id="ffffff"):
        assert (await files.put("/vfs/site/x.txt?instance=ffffff", b"other")).status == 201
        assert (tmp_path / "other" / "site" / "x.txt").read_bytes() == b"other"
        assert (await files.get(f"/vfs/site/x.txt?instance={runner.id}")).status == 404
        listed = await files.get("/vfs/site/?instance=ffffff")
        assert b"x.txt?instance=ffffff" in listed.body
        assert (await files.get("/api/zip/site/none?instance=ffffff")).status == 404
    unknown = await files.get("/vfs/site/x.txt?instance=aaaaaa")
    assert (unknown.status, "aaaaaa" in unknown.text) == (404, True)
    assert (await files.get("/vfs/site/x.txt?instance=nobody")).status == 400


@pytest.fixture
async def service(bus: Bus, tmp_path: Path) -> AsyncIterator[Path]:
    """Only the files of a runner `abcdef`, with sessions that are given up soon; answers the site folder."""
    site = Site(tmp_path / "site")
    site.ensure()
    (site.root / "site" / "x.bin").write_bytes(bytes(MIB))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "of-a-crash").touch()
    serving = FileService(bus, Instance("abcdef", "1"), SiteFiles(site, scratch), UploadLimits(), 0.4)
    async with serving:
        assert list(scratch.iterdir()) == []
        yield site.root
    assert list(scratch.iterdir()) == []
    assert not (site.root / "site" / "y.bin").exists()


async def asked(bus: Bus, question: messages.Question) -> messages.Reply:
    return decode_reply(await bus.ask_files("abcdef", operation_of(question), encode(question)))


async def test_a_runner_gives_up_what_nobody_asks_about(bus: Bus, service: Path) -> None:
    begun = await asked(bus, messages.Write(path="site/y.bin"))
    opened = await asked(bus, messages.Open(path="site/x.bin"))
    zipping = await asked(bus, messages.Zip(path="site"))
    assert isinstance(begun, messages.Begun)
    assert isinstance(opened, messages.Opened)
    assert isinstance(zipping, messages.Opened)
    assert await asked(bus, messages.ZipMore(session=zipping.session or "")) != messages.Piece(data=b"")
    scratch = service.parent / "scratch"
    assert len(list(scratch.iterdir())) == 1
    await eventually(lambda: not list(scratch.iterdir()))
    await eventually(lambda: str(service / "site" / "x.bin") not in open_files())
    gone = await asked(bus, messages.Commit(session=begun.session, size=0))
    assert isinstance(gone, messages.Refused)
    assert gone.fault is messages.Fault.SESSION_GONE
    await asked(bus, messages.Write(path="site/y.bin"))


async def test_a_client_may_be_as_slow_as_it_likes(bus: Bus, service: Path) -> None:
    runner = FilesOfRunner(bus, "abcdef", set(), Downloads(), keep_seconds=0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await pause(0.5, "five times as long as a runner keeps what no client asks about")
        yield b"b"

    assert (await runner.write(messages.Write(path="site/z.bin"), slow())).created
    assert (service / "site" / "z.bin").read_bytes() == b"ab"
    assert not (await runner.write(messages.Write(path="site/z.bin", condition=ANY), slow())).created


async def test_an_upload_of_which_something_is_missing_is_not_put_in_place(bus: Bus, service: Path) -> None:
    begun = await asked(bus, messages.Write(path="site/y.bin"))
    assert isinstance(begun, messages.Begun)
    await asked(bus, messages.WriteChunk(session=begun.session, offset=0, data=b"abc"))
    refused = await asked(bus, messages.Commit(session=begun.session, size=4))
    assert isinstance(refused, messages.Refused)
    assert "3 of 4" in refused.message


async def test_a_runner_has_only_so_many_transfers_in_hand(bus: Bus, service: Path) -> None:
    replies = await asyncio.gather(*(asked(bus, messages.Write(path="site/y.bin")) for _ in range(300)))
    refused = [reply for reply in replies if isinstance(reply, messages.Refused)]
    assert refused
    assert {reply.fault for reply in refused} == {messages.Fault.BUSY}
    await eventually(lambda: not list((service.parent / "scratch").iterdir()))


async def test_what_is_no_question_is_refused(bus: Bus, service: Path) -> None:
    reply = decode_reply(await bus.ask_files("abcdef", "open", b"junk"))
    assert isinstance(reply, messages.Refused)
