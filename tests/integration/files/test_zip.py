"""Folders as archives: packed while they are sent, and laid over what is there."""

import io
import os
import zipfile

from integration.files.conftest import Files, uploads_of
from support.eventually import eventually
from support.runners import RunningRunner, zipped
from support.zip_makers import MAKERS, info_zip

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


async def test_an_archive_is_taken_however_it_is_wrapped(files: Files) -> None:
    packed = zipped({"a.txt": "x"})
    part = b'Content-Disposition: form-data; name="f"; filename="a.zip"\r\n\r\n' + packed
    form = b"--x\r\n" + part + b"\r\n--x--\r\n"
    several = b"--x\r\n" + part + b"\r\n--x\r\n" + part + b"\r\n--x--\r\n"
    for number, (body, content_type) in enumerate(
        (
            (
                packed,
                "multipart/form-data",
            ),  # Invoke-RestMethod -InFile a.zip -ContentType multipart/form-data
            (packed, "multipart/form-data; boundary=x"),
            (form, "multipart/form-data; boundary=x"),
            (form, 'multipart/form-data; charset=utf-8; BOUNDARY="x"'),
            (packed, "application/x-zip-compressed"),
        )
    ):
        folder = f"site/wwwroot/wrapped{number}"
        answer = await files.put(f"/api/zip/{folder}/", body, Content_Type=content_type)
        assert answer.status == 200, answer.text
        assert (files.site / folder / "a.txt").read_text() == "x"
    refused = await files.put("/api/zip/site/no", several, Content_Type="multipart/form-data; boundary=x")
    assert (refused.status, "2 files" in refused.text) == (400, True)
    assert (
        await files.put("/vfs/site/b.zip", form, Content_Type="multipart/form-data; boundary=x")
    ).status == 201
    assert (files.site / "site" / "b.zip").read_bytes() == packed
    await eventually(lambda: uploads_of(files.site) == [])


SPELLINGS = (
    ("/api/zip/", "site/wwwroot/App_Data/Jobs/Triggered"),
    ("/api/zip", "Site/WWWroot/app_data/JOBS/TRIGGERED"),
    ("/api/zip/site/", "wwwroot/APP_DATA/jobs/Triggered"),
    ("/api/zip/site/wwwroot/", "App_Data/Jobs/triggered"),
    ("/api/zip/site/wwwroot/App_Data/", "Jobs/Triggered"),
)


async def test_jobs_of_a_site_archive_land_where_jobs_are_in_any_letter_case(
    files: Files, runner: RunningRunner
) -> None:
    jobs = files.wwwroot / "app_data" / "jobs" / "triggered"
    for number, (address, folder) in enumerate(SPELLINGS):
        maker = list(MAKERS.values())[number]
        packed = maker({f"{folder}/Job{number}/run.sh": "echo", f"{folder}/Job{number}/lib/a.txt": "a"})
        answer = await files.put(address, packed)
        assert answer.status == 200, answer.text
        assert (jobs / f"Job{number}" / "run.sh").read_text() == "echo"
        assert sorted(path.name for path in (jobs / f"Job{number}").iterdir()) == ["lib", "run.sh"]
    assert [path.name for path in files.wwwroot.iterdir()] == ["app_data"]
    for number in range(len(SPELLINGS)):
        await eventually(lambda name=f"Job{number}": is_defined(files, name))


async def is_defined(files: Files, name: str) -> bool:
    return (await files.get(f"/api/jobs/triggered/{name}/settings")).status == 200


async def test_links_that_stay_inside_are_packed_and_unpacked_as_links(files: Files) -> None:
    app = files.wwwroot / "app"
    kept = {"lib/bin/tool": "../tool.js", "current": "lib", "lib/later": "../not/yet"}
    left_out = {"absolute": "/etc/passwd", "up": "../x", "by": "current/../../x", "circle": "circle"}
    packed = info_zip({"run.sh": "echo", "lib/tool.js": "x"}, kept | left_out)
    answer = await files.put(FOLDER, packed)
    assert answer.status == 200, answer.text
    warnings = answer.headers.getall("Webjobs-Warning")
    assert [words.partition(":")[0] for words in warnings] == [
        "Left out 3 links that lead out of the job's folder",
        "Left out a link that leads in a circle",
    ]
    assert {name: str((app / name).readlink()) for name in kept} == kept
    for name, target in left_out.items():
        assert not (app / name).is_symlink()
        (app / name).symlink_to(target)
    body = (await files.get(FOLDER)).body
    assert {name: body.decode() for name, body in names_of(body).items() if name in kept} == kept
    assert not left_out.keys() & names_of(body).keys()
    again = await files.put("/api/zip/site/wwwroot/again", body)
    assert (again.status, again.headers.getall("Webjobs-Warning", [])) == (200, [])
    assert {name: str((files.wwwroot / "again" / name).readlink()) for name in kept} == kept
    # A link takes the place of a file and of a link, and never that of a folder.
    assert (await files.put(FOLDER, info_zip({"a": ""}, {"run.sh": "a", "current": "a"}))).status == 200
    assert [str((app / name).readlink()) for name in ("run.sh", "current")] == ["a", "a"]
    assert (await files.put(FOLDER, info_zip({"a": "new"}, {"lib": "a"}))).status == 409
    assert (app / "a").read_text() == ""
