"""Whatever the path or link, nothing outside of the site is read or written, nor what is of webjobs."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest
from integration.files.conftest import Files, in_thread, uploads_of

METHODS = ("GET", "HEAD", "PUT", "DELETE")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the site, with a secret in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret")
    return folder


def untouched(outside: Path) -> bool:
    return [path.name for path in outside.iterdir()] == ["secret.txt"] and (
        outside / "secret.txt"
    ).read_text() == "secret"


IMPOSSIBLE = (
    "../outside/secret.txt",
    "%2e%2e/outside/secret.txt",
    "site/..%2f..%2foutside/secret.txt",
    "site/%2E%2E/%2E%2E/outside/secret.txt",
    "site/..",
    "..%5coutside%5csecret.txt",
    "site%5cwwwroot",
    "site/a%00b",
    "site/a%0ab",
    "site/%7f",
    "site/%ff%fe",
    "site/%ed%a0%80",
    f"site/{'x' * 256}",
    f"site/{'%C3%A9' * 128}",
    "site/" + "d/" * 1500 + "x",
)


@pytest.mark.parametrize("prefix", ["/api/vfs/", "/vfs/"])
async def test_a_path_that_cannot_be_is_refused(files: Files, outside: Path, prefix: str) -> None:
    for path in IMPOSSIBLE:
        for method in METHODS:
            query = "?recursive=true" if method == "DELETE" else ""
            got = await files.ask(method, f"{prefix}{path}{query}", b"x" if method == "PUT" else None)
            assert got.status == 400, (method, path, got.text)
            assert method == "HEAD" or got.text.endswith(".")
        for method, body in (("GET", None), ("PUT", b"PK")):
            assert (await files.ask(method, f"/api/zip/{path}", body)).status == 400
    assert untouched(outside)
    assert uploads_of(files.site) == []


async def test_a_path_may_be_written_in_other_ways(files: Files) -> None:
    await files.put("/vfs/site/x.txt", b"x")
    for path in ("site/%2e/x.txt", "site//x.txt", "/site/x.txt", "./site/x.txt", "site%2fx.txt"):
        got = await files.get(f"/vfs/{path}")
        assert (got.status, got.body) == (200, b"x"), path


async def test_names_that_look_odd_are_names(files: Files) -> None:
    for name in ("...", "a..b", "~", "%25", "%3f%23", "-rf", "x" * 255, "%F0%9F%98%80", " x "):
        address = f"/vfs/site/odd/{name.replace(' ', '%20')}"
        assert (await files.put(address, name.encode())).status == 201, name
        assert (await files.get(address)).body == name.encode()
        assert (await files.delete(address, If_Match="*")).status == 200


@pytest.mark.parametrize("depth", [1, 2])
async def test_a_link_out_of_the_site_leads_nowhere(files: Files, outside: Path, depth: int) -> None:
    relative = os.path.join(*[".."] * (depth + 1), "outside")
    folder = files.site.joinpath(*["site", "x"][:depth])
    folder.mkdir(exist_ok=True)
    prefix = "/vfs/" + "/".join(["site", "x"][:depth])
    for name, target in {
        "absolute": str(outside),
        "relative": relative,
        "file": f"{relative}/secret.txt",
        "chain": "relative",
        "circle": "circle",
        "inner": str(folder),
    }.items():
        (folder / name).symlink_to(target)
        for address in (f"{prefix}/{name}", f"{prefix}/{name}/", f"{prefix}/{name}/secret.txt"):
            assert (await files.get(address)).status == 404, address
            assert (await files.put(address, b"x", If_Match="*")).status == 404, address
        assert (await files.delete(f"{prefix}/{name}/secret.txt", If_Match="*")).status == 404
        assert (await files.get(f"/api/zip{prefix.removeprefix('/vfs')}/{name}/")).status == 404
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr(f"{name}/secret.txt", "x")
        refused = await files.put(f"/api/zip{prefix.removeprefix('/vfs')}/", archive.getvalue())
        assert refused.status == 404, refused.text
    entries = json.loads((await files.get(f"{prefix}/")).body)
    assert {entry["mime"] for entry in entries if entry["name"] not in ("wwwroot", "x")} == {"inode/symlink"}
    packed_folder = await files.get(f"/api/zip{prefix.removeprefix('/vfs')}/")
    with zipfile.ZipFile(io.BytesIO(packed_folder.body)) as packed:
        assert not [name for name in packed.namelist() if "secret" in name or "circle" in name]
    assert (await files.delete(f"{prefix}/absolute?recursive=true")).status == 200, "the link itself may go"
    assert not (folder / "absolute").is_symlink()
    assert untouched(outside)


async def test_a_folder_deleted_with_all_it_holds_spares_what_links_lead_to(
    files: Files, outside: Path
) -> None:
    await files.put("/vfs/site/full/a.txt", b"x")
    (files.site / "site" / "full" / "out").symlink_to(outside)
    assert (await files.delete("/vfs/site/full?recursive=true")).status == 200
    assert untouched(outside)


async def test_a_link_that_stays_inside_is_followed(files: Files) -> None:
    await files.put("/vfs/site/real/deep/x.txt", b"x")
    (files.site / "site" / "way").symlink_to("real/deep/../deep")
    (files.site / "LogFiles" / "up").symlink_to("../site/way/x.txt")
    assert (await files.get("/vfs/site/way/x.txt")).body == b"x"
    assert (await files.get("/vfs/LogFiles/up")).body == b"x"
    assert (await files.put("/vfs/LogFiles/up", b"y", If_Match="*")).status == 204
    assert (files.site / "LogFiles" / "up").is_symlink()
    assert (files.site / "site" / "real" / "deep" / "x.txt").read_bytes() == b"y"
    listed = {entry["name"]: entry for entry in json.loads((await files.get("/vfs/site/")).body)}
    assert listed["way"]["mime"] == "inode/directory"


async def test_what_is_of_webjobs_is_neither_seen_nor_changed(files: Files) -> None:
    state = next((files.site / "data" / ".runner").iterdir())
    (files.site / "nats").mkdir()
    (files.site / "nats" / "password").write_text("secret")
    (files.site / "site" / "way").symlink_to("../data/.runner")
    (files.site / "site" / "server").symlink_to("../nats")
    for path in (
        f"data/.runner/{state.name}/outbox.jsonl",
        f"data/.runner/{state.name}/new",
        "data/.runner",
        "data/.locks/files",
        "data/.deployed/triggered/x",
        "data/.new",
        "nats/password",
        "NATS/password",
        "postgres/x",
        "stack.id",
        ".anything",
        "site/way",
        f"site/way/{state.name}/outbox.jsonl",
        "site/server/password",
        "site/wwwroot/app_data/jobs/triggered/.webjobs-staging/x/new",
    ):
        for method in METHODS:
            if method == "DELETE" and path == "site/way":
                continue  # the link itself is not of webjobs
            for slash in ("", "/"):
                body = b"x" if method == "PUT" else None
                query = "?recursive=true" if method == "DELETE" else ""
                got = await files.ask(method, f"/vfs/{path}{slash}{query}", body, If_Match="*")
                assert got.status == 403, (method, path, got.text)
        assert (await files.get(f"/api/zip/{path}/")).status == 403
    packed = await files.get("/api/zip/")
    with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
        names = archive.namelist()
    assert names
    assert not [name for name in names if ".runner" in name or "nats" in name or ".locks" in name]
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("fine.txt", "x")
        archive.writestr("data/.runner/forged", "x")
    assert (await files.put("/api/zip/", hostile.getvalue())).status == 403
    assert not (files.site / "fine.txt").exists(), "an archive that is refused has changed nothing"
    assert not (files.site / "data" / ".runner" / "forged").exists()
    assert (files.site / "nats" / "password").read_text() == "secret"


async def test_a_pipe_is_no_file(files: Files) -> None:
    pipe = files.site / "site" / "pipe"
    await in_thread(os.mkfifo, pipe)
    for method in ("GET", "PUT"):
        got = await files.ask(method, "/vfs/site/pipe", b"x" if method == "PUT" else None, If_Match="*")
        assert got.status == 409, got.text
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert (await files.get("/api/zip/site/")).status == 200
    assert (await files.delete("/vfs/site/pipe")).status == 200


async def test_a_name_that_is_no_text_does_not_hide_the_others(files: Files) -> None:
    folder = files.site / "site" / "odd"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    await in_thread(Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).touch)
    names = [entry["name"] for entry in json.loads((await files.get("/vfs/site/odd/")).body)]
    assert names == ["a.txt", "��"]
    with zipfile.ZipFile(io.BytesIO((await files.get("/api/zip/site/odd/")).body)) as archive:
        assert sorted(archive.namelist()) == ["a.txt", "��"]
    assert (await files.delete("/vfs/site/odd?recursive=true")).status == 200
