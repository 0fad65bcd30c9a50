"""Folders as archives: packed while they are sent, and laid over what is there."""

import io
import os
import zipfile

from integration.files.conftest import Files, uploads_of
from support.eventually import eventually
from support.runners import zipped

FOLDER = "/api/zip/site/wwwroot/app"


def names_of(body: bytes) -> dict[str, bytes]:
    """The files in an archive, each of which is whole."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


async def test_a_folder_is_packed_with_all_it_holds(files: Files) -> None:
    app = files.wwwroot / "app"
    big = os.urandom(3 * 1024 * 1024)
    content = {"run.sh": b"echo", "lib/é.txt": b"x", "lib/deep/big.bin": big, "empty.txt": b""}
    for name, data in content.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_bytes(data)
    (app / "run.sh").chmod(0o755)
    (app / "none").mkdir()
    for slash in ("", "/"):
        got = await files.get(FOLDER + slash)
        assert (got.status, got.headers["Content-Type"]) == (200, "application/zip")
        assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''app.zip"
        assert names_of(got.body) == content | {"none/": b"", "lib/": b"", "lib/deep/": b""}
    with zipfile.ZipFile(io.BytesIO(got.body)) as archive:
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755
    assert (await files.ask("HEAD", FOLDER)).body == b""


async def test_what_was_packed_can_be_unpacked_elsewhere(files: Files) -> None:
    app = files.wwwroot / "app"
    (app / "a" / "b").mkdir(parents=True)
    (app / "a" / "c.txt").write_text("c")
    packed = (await files.get(FOLDER)).body
    assert (await files.put("/api/zip/site/elsewhere/new/", packed)).status == 200
    assert (files.site / "site" / "elsewhere" / "new" / "a" / "c.txt").read_text() == "c"
    assert (files.site / "site" / "elsewhere" / "new" / "a" / "b").is_dir()


async def test_an_archive_adds_and_replaces_and_removes_nothing(files: Files) -> None:
    assert (await files.put(FOLDER, zipped({"a.txt": "1", "lib/b.txt": "1"}))).status == 200
    got = await files.put(FOLDER, zipped({"a.txt": "2", "c.txt": "2"}), Content_Type="application/zip")
    assert (got.status, got.body) == (200, b"")
    app = files.wwwroot / "app"
    assert {path.name: path.read_text() for path in app.rglob("*.txt")} == {
        "a.txt": "2",
        "b.txt": "1",
        "c.txt": "2",
    }
    assert uploads_of(files.site) == []


REFUSED = (
    (b"this is no archive", 400),
    (b"", 400),
    (zipped({"a.txt": "x"})[:-10], 400),
    (zipped({"../out.txt": "x"}), 400),
    (zipped({"/abs.txt": "x"}), 400),
    (zipped({"a\\..\\..\\out.txt": "x"}), 400),
    (zipped({"kept.txt/deeper": "x"}), 409),
    (zipped({"new.txt": "x", "folder": "x"}), 409),
)


async def test_an_archive_that_is_refused_changes_nothing(files: Files) -> None:
    await files.put(FOLDER, zipped({"kept.txt": "kept", "folder/x.txt": "x"}))
    app = files.wwwroot / "app"
    for body, status in REFUSED:
        refused = await files.put(FOLDER, body)
        assert refused.status == status, refused.text
        assert refused.text.endswith(".")
        assert sorted(path.name for path in app.rglob("*")) == ["folder", "kept.txt", "x.txt"]
    assert not (files.site / "site" / "out.txt").exists()
    await eventually(lambda: uploads_of(files.site) == [])


async def test_a_bomb_is_refused(files: Files) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", bytes(64 * 1024 * 1024))
    refused = await files.put(FOLDER, packed.getvalue())
    assert refused.status == 400
    assert not (files.wwwroot / "app").exists()
    await eventually(lambda: uploads_of(files.site) == [])


async def test_a_file_is_no_folder_to_be_packed(files: Files) -> None:
    await files.put("/vfs/site/x.txt", b"x")
    assert (await files.get("/api/zip/site/x.txt")).status == 409
    assert (await files.get("/api/zip/site/none/")).status == 404
    assert (await files.put("/api/zip/site/x.txt", zipped({"a": "b"}))).status == 409
    form = await files.put("/api/zip/site/", b"x", Content_Type="multipart/form-data; boundary=x")
    assert form.status == 400
