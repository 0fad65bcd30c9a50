"""Files by HTTP: what is read, written, listed and removed, with Kudu's codes and headers."""

import asyncio
import io
import json
import os
from email.utils import parsedate_to_datetime

from integration.files.conftest import Files, uploads_of
from support.eventually import eventually

FILE = "/api/vfs/site/wwwroot/notes.txt"
TEXT = b"0123456789"


async def test_a_file_is_written_and_read_with_its_facts(files: Files) -> None:
    written = await files.put(FILE, TEXT)
    assert (written.status, written.body) == (201, b"")
    assert (files.wwwroot / "notes.txt").read_bytes() == TEXT
    for prefix in ("/api/vfs", "/vfs"):
        got = await files.get(f"{prefix}/site/wwwroot/notes.txt")
        assert (got.status, got.body) == (200, TEXT)
        assert got.headers["ETag"] == written.headers["ETag"]
        assert got.headers["Content-Type"] == "text/plain"
        assert got.headers["Accept-Ranges"] == "bytes"
        modified = parsedate_to_datetime(got.headers["Last-Modified"]).timestamp()
        assert modified == int((files.wwwroot / "notes.txt").stat().st_mtime)
    head = await files.ask("HEAD", FILE)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "10")
    assert uploads_of(files.site) == []


async def test_a_file_larger_than_a_message_goes_both_ways(files: Files) -> None:
    content = os.urandom(5 * 1024 * 1024 + 17)
    assert (await files.put("/api/vfs/site/big.bin", io.BytesIO(content))).status == 201
    assert (files.site / "site" / "big.bin").read_bytes() == content
    got = await files.get("/api/vfs/site/big.bin")
    assert got.body == content
    part = await files.get("/api/vfs/site/big.bin", Range="bytes=262000-1310000")
    assert part.body == content[262000:1310001]


async def test_a_part_of_a_file_is_not_taken_for_all_of_it(files: Files) -> None:
    await files.put(FILE, TEXT)
    assert (await files.put(FILE, b"x", If_Match="*", Content_Range="bytes 0-0/10")).status == 400
    assert (await files.get(FILE)).body == TEXT


async def test_an_empty_file_is_a_file(files: Files) -> None:
    assert (await files.put(FILE, b"")).status == 201
    got = await files.get(FILE)
    assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", "0")
    assert (await files.get(FILE, Range="bytes=0-")).status == 416


async def test_a_part_of_a_file_is_read(files: Files) -> None:
    await files.put(FILE, TEXT)
    for wanted, status, body, content_range in (
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, TEXT, "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=4-2", 200, TEXT, None),
        ("bytes=0-1,4-5", 200, TEXT, None),
        ("lines=0-1", 200, TEXT, None),
        ("bytes=x", 200, TEXT, None),
    ):
        got = await files.get(FILE, Range=wanted)
        assert got.status == status, wanted
        assert body is None or got.body == body, wanted
        assert got.headers.get("Content-Range") == content_range, wanted


async def test_a_range_of_another_version_is_answered_with_all(files: Files) -> None:
    etag = (await files.put(FILE, TEXT)).headers["ETag"]
    date = (await files.get(FILE)).headers["Last-Modified"]
    for mark, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200), (date, 206), ("junk", 200)):
        assert (await files.get(FILE, Range="bytes=0-1", If_Range=mark)).status == status, mark


async def test_a_file_the_client_has_is_not_sent_again(files: Files) -> None:
    etag = (await files.put(FILE, TEXT)).headers["ETag"]
    for tags in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        got = await files.get(FILE, If_None_Match=tags)
        assert (got.status, got.body, got.headers["ETag"]) == (304, b"", etag)
    assert (await files.get(FILE, If_None_Match='"x"')).status == 200
    date = (await files.get(FILE)).headers["Last-Modified"]
    assert (await files.get(FILE, If_Modified_Since=date)).status == 304
    assert (await files.get(FILE, If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT")).status == 200
    assert (await files.get(FILE, If_Modified_Since="yesterday")).status == 200


async def test_an_existing_file_is_only_replaced_by_who_knows_it(files: Files) -> None:
    first = (await files.put(FILE, b"first")).headers["ETag"]
    refused = await files.put(FILE, b"second")
    assert (refused.status, refused.headers["ETag"]) == (412, first)
    assert "If-Match" in refused.text
    assert (await files.put(FILE, b"second", If_Match='"other"')).status == 412
    assert (await files.put(FILE, b"second", If_None_Match="*")).status == 412
    second = await files.put(FILE, b"second", If_Match=first)
    assert (second.status, second.body) == (204, b"")
    assert (await files.put(FILE, b"third", If_Match=first)).status == 412
    assert (await files.get(FILE)).body == b"second"
    assert (await files.put(FILE, b"third", If_Match="*")).status == 204
    assert (await files.get(FILE)).body == b"third"
    assert (await files.put("/api/vfs/site/new.txt", b"new", If_Match="*")).status == 201
    assert (await files.put("/api/vfs/site/gone.txt", b"new", If_Match=first)).status == 412


async def test_of_two_writers_with_the_same_etag_one_is_refused(files: Files) -> None:
    etag = (await files.put(FILE, b"first")).headers["ETag"]
    for _ in range(5):
        bodies = [os.urandom(300_000) for _ in range(4)]
        answers = await asyncio.gather(*(files.put(FILE, body, If_Match=etag) for body in bodies))
        assert sorted(answer.status for answer in answers) == [204, 412, 412, 412]
        won = next(number for number, answer in enumerate(answers) if answer.status == 204)
        got = await files.get(FILE)
        assert got.body == bodies[won]
        etag = answers[won].headers["ETag"]
        assert got.headers["ETag"] == etag


async def test_a_replaced_file_keeps_its_permissions(files: Files) -> None:
    await files.put(FILE, b"first")
    path = files.wwwroot / "notes.txt"
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o755)
    assert (await files.put(FILE, b"second", If_Match="*")).status == 204
    assert path.stat().st_mode & 0o777 == 0o755


async def test_folders_above_a_file_are_created(files: Files) -> None:
    assert (await files.put("/vfs/site/a/b%20c/%C3%A9.txt", b"x")).status == 201
    assert (files.site / "site" / "a" / "b c" / "é.txt").read_bytes() == b"x"
    blocked = await files.put("/vfs/site/a/b%20c/%C3%A9.txt/deeper", b"x")
    assert blocked.status == 409
    assert (await files.put("/vfs/site/a", b"x")).status == 409
    assert (await files.put("/vfs/site/a", b"x", If_Match="*")).status == 409


async def test_an_address_with_a_slash_is_a_folder(files: Files) -> None:
    assert (await files.put("/api/vfs/site/new/inner/")).status == 201
    assert (files.site / "site" / "new" / "inner").is_dir()
    assert (await files.put("/api/vfs/site/new/inner/")).status == 409
    for address, location in (
        ("/api/vfs/site/new", "/api/vfs/site/new/"),
        ("/vfs/site/new?instance=", "/vfs/site/new/"),
        ("/api/vfs", "/api/vfs/"),
        ("/vfs", "/vfs/"),
    ):
        if "?" in address:
            assert (await files.get(address)).status == 400, "no instance has an empty id"
            continue
        got = await files.get(address)
        assert (got.status, got.headers["Location"]) == (307, location)
    await files.put("/api/vfs/site/new/file", b"x")
    got = await files.get("/api/vfs/site/new/file/?api-version=1")
    assert (got.status, got.headers["Location"]) == (307, "/api/vfs/site/new/file?api-version=1")
    behind = {"X_Forwarded_Prefix": "/jobs", "X_Forwarded_Host": "jobs.example"}
    got = await files.get("/api/vfs/site/new", **behind)
    assert (got.status, got.headers["Location"]) == (307, "/jobs/api/vfs/site/new/")
    listed = json.loads((await files.get("/api/vfs/site/new/", **behind)).body)
    assert "http://jobs.example/jobs/api/vfs/site/new/file" in [each["href"] for each in listed]


async def test_a_folder_is_listed_with_the_fields_of_the_reference(files: Files) -> None:
    await files.put("/api/vfs/site/list/b%26%20c.json", b"{}")
    await files.put("/api/vfs/site/list/a/")
    (files.site / "site" / "list" / "gone").symlink_to("nowhere")
    got = await files.get("/api/vfs/site/list/")
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    folder, file, link = json.loads(got.body)
    assert set(file) == {"name", "size", "mtime", "crtime", "mime", "href", "path"}
    assert (folder["name"], folder["mime"], folder["size"]) == ("a", "inode/directory", 0)
    assert (file["name"], file["mime"], file["size"]) == ("b& c.json", "application/json", 2)
    assert (link["name"], link["mime"]) == ("gone", "inode/symlink")
    assert file["path"] == str(files.site / "site" / "list" / "b& c.json")
    assert folder["href"] == f"{files.url}/api/vfs/site/list/a/"
    assert (await files.get(file["href"].removeprefix(files.url))).body == b"{}"
    assert (await files.get(folder["href"].removeprefix(files.url))).body == b"[]"
    assert (await files.ask("HEAD", "/api/vfs/site/list/")).status == 200


async def test_the_site_folder_is_listed_without_what_is_of_webjobs(files: Files) -> None:
    for name in ("nats", "postgres", ".hidden"):
        (files.site / name).mkdir()
    for address in ("/api/vfs/", "/vfs/"):
        entries = json.loads((await files.get(address)).body)
        assert [(entry["name"], entry["mime"]) for entry in entries] == [
            ("LogFiles", "inode/directory"),
            ("data", "inode/directory"),
            ("site", "inode/directory"),
        ]
        assert entries[0]["href"] == f"{files.url}{address}LogFiles/"
    assert [entry["name"] for entry in json.loads((await files.get("/vfs/data/")).body)] == ["jobs"]


async def test_a_folder_of_many_entries_is_listed_whole(files: Files) -> None:
    folder = files.site / "site" / "many"
    folder.mkdir()
    names = [f"{number:05}-{'x' * 200}" for number in range(1000)]
    for name in names:
        (folder / name).touch()
    assert [entry["name"] for entry in json.loads((await files.get("/vfs/site/many/")).body)] == names


async def test_a_file_is_deleted_by_who_knows_it(files: Files) -> None:
    etag = (await files.put(FILE, TEXT)).headers["ETag"]
    refused = await files.delete(FILE)
    assert (refused.status, refused.headers["ETag"]) == (412, etag)
    assert (await files.delete(FILE, If_Match='"x"')).status == 412
    assert (await files.delete(FILE, If_Match=etag)).status == 200
    assert (await files.delete(FILE, If_Match="*")).status == 404
    assert (await files.get(FILE)).status == 404


async def test_a_folder_is_deleted_with_what_it_holds_only_when_that_is_said(files: Files) -> None:
    await files.put("/vfs/site/full/a/b.txt", b"x")
    await files.put("/vfs/site/empty/")
    refused = await files.delete("/vfs/site/full")
    assert refused.status == 409
    assert "recursive=true" in refused.text
    for unclear in ("yes", "", "TRUE!"):
        assert (await files.delete(f"/vfs/site/full?recursive={unclear}")).status == 400
    assert (await files.delete("/vfs/site/full?recursive=false")).status == 409
    assert (await files.delete("/vfs/site/empty/")).status == 200
    assert (await files.delete("/vfs/site/full/?recursive=true")).status == 200
    assert not (files.site / "site" / "full").exists()
    assert (await files.delete("/vfs/site/full?recursive=true")).status == 404


async def test_a_folder_webjobs_works_in_stays(files: Files) -> None:
    app_data = "site/wwwroot/App_Data"
    for path in ("", "site", "site/wwwroot", app_data, f"{app_data}/jobs", "data", "data/jobs", "LogFiles"):
        refused = await files.delete(f"/api/vfs/{path}/?recursive=true")
        assert refused.status == 403, refused.text
    assert (files.site / "site" / "wwwroot" / "app_data" / "jobs").is_dir()


async def test_writing_settings_answers_with_what_is_doubtful_in_them(files: Files) -> None:
    job = "site/wwwroot/app_data/jobs/triggered/warned"
    for name, content, words in (
        ("settings.job", b'{"schedule": "* * 8 * * *"}', ["every second"]),
        ("Settings.job", b'{"is_singleton": true, // why\n}', ["comments"]),
        ("settings.job", b'{"timezone": "Europe/Berlin"}', ["in effect stay", "time_zone"]),
        ("settings.job", b"{}", []),
        ("other.json", b'{"timezone": "Europe/Berlin"}', []),
    ):
        for path in (f"{job}/Settings.job", f"{job}/settings.job"):
            await files.delete(f"/vfs/{path}", If_Match="*")
        written = await files.put(f"/vfs/{job}/{name}", content)
        assert written.status == 201, written.text
        warnings = " ".join(written.headers.getall("Webjobs-Warning", []))
        assert bool(warnings) == bool(words), warnings
        assert all(word in warnings for word in words), warnings


async def test_app_data_has_one_meaning_in_every_spelling(files: Files) -> None:
    assert (await files.put("/vfs/site/wwwroot/App_Data/x.txt", b"x")).status == 201
    assert (files.wwwroot / "app_data" / "x.txt").read_bytes() == b"x"
    assert (await files.get("/vfs/site/wwwroot/APP_DATA/x.txt")).body == b"x"
    entries = json.loads((await files.get("/vfs/site/wwwroot/")).body)
    assert [entry["name"] for entry in entries] == ["app_data"]
    for path in ("Site/wwwroot/App_Data/Jobs/Triggered/", "site/WWWROOT/app_data/JOBS/continuous/"):
        assert (await files.put(f"/vfs/{path}X/notes/a.txt", b"x")).status == 201
        assert json.loads((await files.get(f"/vfs/{path}")).body)[0]["name"] == "X"
        assert (files.site / path.lower() / "X" / "notes" / "a.txt").is_file()


async def test_the_folders_above_jobs_are_found_in_any_case_and_others_as_they_are_on_disk(
    files: Files,
) -> None:
    jobs = "/API/VFS/Site/WWWRoot/App_Data/Jobs/Triggered"
    assert (await files.put(f"{jobs}/Mixed/Data.TXT", b"x")).status == 201
    assert (files.wwwroot / "app_data/jobs/triggered/Mixed/Data.TXT").read_bytes() == b"x"
    assert (await files.get(f"{jobs.lower()}/Mixed/Data.TXT")).body == b"x"
    assert (await files.get(f"{jobs}/mixed/Data.TXT")).status == 404
    assert (await files.get(f"{jobs}/Mixed/data.txt")).status == 404
    entries = json.loads((await files.get("/Vfs/SITE/")).body)
    assert "wwwroot" in [entry["name"] for entry in entries]
    assert (await files.put("/vfs/site/wwwroot/JOBS/x.txt", b"x")).status == 201
    assert (files.wwwroot / "JOBS/x.txt").exists(), "no folder above jobs"
    assert (await files.get("/vfs/site/wwwroot/jobs/x.txt")).status == 404


async def test_too_large_an_upload_changes_nothing(files: Files) -> None:
    await files.put(FILE, TEXT)

    async def endless():
        for _ in range(9 * 4):
            yield bytes(256 * 1024)

    for body in (io.BytesIO(bytes(8 * 1024 * 1024 + 1)), endless()):
        refused = await files.put(FILE, body, If_Match="*")
        assert refused.status == 413
        assert "WEBJOBS_UPLOAD_LIMIT_MB" in refused.text
    assert (await files.get(FILE)).body == TEXT
    await eventually(lambda: uploads_of(files.site) == [])


async def test_the_type_of_a_file_is_told_by_its_extension(files: Files) -> None:
    for name, mime in (
        ("a.html", "text/html"),
        ("a.svg", "image/svg+xml"),
        ("a.pdf", "application/pdf"),
        ("a.PNG", "image/png"),
        ("a.sh", "text/plain"),
        ("settings.job", "application/json"),
        ("none", "application/octet-stream"),
    ):
        await files.put(f"/vfs/site/{name}", b"x")
        got = await files.get(f"/vfs/site/{name}")
        assert got.headers["Content-Type"] == mime
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Security-Policy"] == "sandbox"
