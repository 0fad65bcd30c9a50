"""Canaries in every place for a secret: they are in their homes, nowhere else, and gone when removed."""

import contextlib
import io
import json
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import nats
from support.client import Client, job_url
from support.eventually import eventually
from support.receiver import Receiver, receiving
from support.sse import reading
from support.stack import RunningStack, webjobs_up

USER = "ann"
BUCKETS = ("KV_WEBJOBS_JOBS", "KV_WEBJOBS_SETTINGS", "KV_WEBJOBS_HOOKS")


class Canaries:
    """Makes secrets that can be told apart, and finds them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def add(self, place: str, secret: str) -> None:
        """One that was made elsewhere."""
        assert len(secret) > 8
        self._known[place] = secret

    def new(self, place: str) -> str:
        return self._known.setdefault(place, f"canary{secrets.token_hex(12)}")

    def within(self, data: bytes) -> list[str]:
        """The places whose secret is in some bytes."""
        return [place for place, secret in self._known.items() if secret.encode() in data]


def stored_zip(files: dict[str, str]) -> bytes:
    """An archive whose files are in it as they are."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it may be removed this moment
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()


def is_home(path: Path, data: Path) -> bool:
    """Whether a secret may be in this file: settings.job of a job, the operator's address, three buckets."""
    inside = path.relative_to(data).as_posix()
    return path.name in ("settings.job", "operator.url") or any(f"/{bucket}/" in inside for bucket in BUCKETS)


async def with_env(client: Client, canaries: Canaries, jobs: Path) -> None:
    """Variables by every way in, good and refused."""
    uses = 'test -n "$TOKEN" && echo it is set'
    archive = {"run.sh": uses, "settings.job": json.dumps({"env": {"TOKEN": canaries.new("zip")}})}
    await client.put_zip("triggered", "by-zip", archive)
    answer = await client.put(
        job_url("triggered", "by-stored-zip"),
        stored_zip(archive | {"settings.job": json.dumps({"env": {"TOKEN": canaries.new("stored zip")}})}),
        Content_Type="application/zip",
    )
    assert answer.status == 200, answer.text
    await client.put_script("triggered", "by-put", uses)
    settings = f"{job_url('triggered', 'by-put')}/settings"
    for place in ("put 1", "put 2"):
        answer = await client.ask("PUT", settings, json={"env": {"TOKEN": canaries.new(place)}})
        assert answer.status == 200, answer.text
    folder = jobs / "continuous" / "by-folder"
    folder.mkdir(parents=True)
    (folder / "settings.job").write_text(json.dumps({"env": {"TOKEN": canaries.new("folder")}}))
    (folder / "run.sh").write_text("exec sleep 1000")
    await client.until_status("by-folder", "Running")

    refused = canaries.new("refused")
    for env in (
        {"TOKEN": [refused]},
        {f"TOKEN={refused}": "x"},
        {"TOKEN": f"{refused}\0"},
        [refused],
        refused,
    ):
        answer = await client.ask("PUT", settings, json={"env": env})
        assert answer.status == 400 and refused not in answer.text
    bad_zip = stored_zip({"run.sh": "x", "settings.job": json.dumps({"env": {"TOKEN": [refused]}})})
    answer = await client.put(job_url("triggered", "never"), bad_zip, Content_Type="application/zip")
    assert answer.status == 400 and refused not in answer.text
    (jobs / "triggered" / "by-zip" / "settings.job").write_text(f'{{"env": {{"TOKEN": "{refused}"')


async def unreadable_command(nats_url: str, canaries: Canaries) -> None:
    """A settings command that no runner can read, as a newer api might send it."""
    client = await nats.connect(nats_url)
    body = {"command": "settings", "settings": {"env": {"TOKEN": canaries.new("unreadable command")}}}
    await client.jetstream().publish("webjobs.commands.triggered.by-put.settings", json.dumps(body).encode())
    await client.close()


async def messages_outside(nats_url: str, canaries: Canaries) -> list[tuple[str, list[str]]]:
    """Streams other than the homes that hold a secret in a body or header of a message."""
    client = await nats.connect(nats_url)
    stream_api = client.jetstream()
    found: list[tuple[str, list[str]]] = []
    for info in await stream_api.streams_info():
        if info.config.name in BUCKETS:
            continue
        for sequence in range(max(1, info.state.first_seq), info.state.last_seq + 1):
            with contextlib.suppress(nats.js.errors.NotFoundError):
                message = await stream_api.get_msg(info.config.name, sequence)
                text = json.dumps(message.headers or {}).encode() + (message.data or b"")
                if places := canaries.within(text):
                    found.append((f"{info.config.name} {message.subject}", places))
    await client.close()
    return found


async def rows_with(database_url: str, canaries: Canaries) -> list[str]:
    """Tables of history that hold a secret."""
    database = await asyncpg.connect(database_url)
    try:
        tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        dumps = [(name, await database.fetch(f'SELECT t::text FROM "{name}" AS t')) for (name,) in tables]
        assert any(rows for _, rows in dumps)
    finally:
        await database.close()
    return [name for name, rows in dumps if canaries.within(str(rows).encode())]


async def test_secrets_are_in_their_homes_only_and_gone_when_removed(
    tmp_path: Path, empty_database_url: str
) -> None:
    canaries = Canaries()
    canaries.add("database password", urlsplit(empty_database_url).password or "")
    password = canaries.new("password")
    variables = {
        "WEBJOBS_USERNAME": USER,
        "WEBJOBS_PASSWORD": password,
        "WEBJOBS_VIEWER_USERNAME": canaries.new("viewer"),
        "WEBJOBS_VIEWER_PASSWORD": canaries.new("viewer password"),
        "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true",
        "WEBJOBS_DATABASE_URL": empty_database_url,
    }
    authorization = {"Authorization": aiohttp.encode_basic_auth(USER, password)}
    async with (
        receiving() as receiver,
        webjobs_up(tmp_path / "data", WEBJOBS_LOG_LEVEL="debug", **variables) as stack,
        aiohttp.ClientSession(headers=authorization) as session,
    ):
        canaries.add("operator of nats", urlsplit(stack.nats_url).password or "")
        client = Client(session, stack.url)
        hook = {
            "url": receiver.url().replace("//", f"//bob:{canaries.new('hook password')}@"),
            "event": "*",
            "secret": canaries.new("hook secret"),
        }
        answer = await client.post("/api/hooks", json=hook)
        assert answer.status == 201, answer.text
        hook_address = f"/api/hooks/{answer.json['id']}"
        for place in ("app setting", "app setting, replaced"):
            assert (await client.post("/api/settings", json={"A": canaries.new(place)})).status == 204
        await with_env(client, canaries, stack.jobs)
        await unreadable_command(stack.nats_url, canaries)
        for job in ("by-put", "by-stored-zip"):
            run = await client.run_to_end(job)
            assert await client.output_of(run) == ["it is set"]
        assert (await client.json("/api/settings/A")) == canaries.new("app setting, replaced")
        assert canaries.within((await client.get(f"{job_url('triggered', 'by-put')}/settings")).body)

        await nothing_tells_them(stack, client, receiver, canaries, hook_address)
        assert await rows_with(empty_database_url, canaries) == []

        assert (await client.delete(hook_address)).status == 200
        assert (await client.delete("/api/settings/A")).status == 204
        for kind, job in (
            ("triggered", "by-zip"),
            ("triggered", "by-stored-zip"),
            ("triggered", "by-put"),
            ("continuous", "by-folder"),
        ):
            assert (await client.delete(job_url(kind, job))).status == 200

        def left() -> list[tuple[str, list[str]]]:
            files = [(path, data) for path, data in files_below(stack.data) if path.name != "operator.url"]
            found = [(str(path), canaries.within(data)) for path, data in files]
            return [each for each in found if each[1]]

        def nothing_is_left() -> bool:
            assert left() == []
            return True

        await eventually(nothing_is_left, 15, interval=0.5)
    assert canaries.within(stack.said.encode()) == []


async def nothing_tells_them(
    stack: RunningStack, client: Client, receiver: Receiver, canaries: Canaries, hook_address: str
) -> None:
    """Look everywhere but in the homes."""
    await eventually(lambda: any(call.json["event"] == "SettingsRefused" for call in receiver.calls))
    for call in receiver.calls:
        sent = {name: text for name, text in call.headers.items() if name != "Authorization"}
        assert canaries.within(json.dumps(sent).encode() + call.body) == []
    async with reading(client._session, f"{stack.url}/api/events?from=first") as reader:
        events = await reader.take(len(receiver.calls))
    assert canaries.within("".join(event.data for event in events).encode()) == []
    for address in ("/api/hooks", hook_address, f"{hook_address}/deliveries", "/metrics", "/api/runs", "/"):
        assert canaries.within((await client.get(address)).body) == [], address
    assert await messages_outside(stack.nats_url, canaries) == []
    outside = [
        (str(path), places)
        for path, data in files_below(stack.data)
        if (places := canaries.within(data)) and not is_home(path, stack.data)
    ]
    assert outside == []
    assert canaries.within(stack.said.encode()) == []
    assert canaries.within("\n".join(" ".join(words) for words in stack.processes().values()).encode()) == []
