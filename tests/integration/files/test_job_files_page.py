"""The editor of a job's files: what is saved is deployed, and no change of another person is lost."""

import html
import os
import re
from pathlib import Path
from typing import Any

import pytest
from integration.files.conftest import Files
from support.runners import zipped

PAGE = "/pages/triggered/hello"
BOM = b"\xef\xbb\xbf"


class Editor:
    """Opens and saves files as a browser without scripts does."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.folder = files.wwwroot / "app_data" / "jobs" / "triggered" / "hello"

    async def opened(self, query: str, status: int = 200) -> str:
        got = await self.files.get(f"{PAGE}/files?{query}")
        assert got.status == status, got.text
        return got.text

    async def save(self, status: int, **fields: str) -> Any:
        got = await self.files.ask("POST", f"{PAGE}/file", fields)
        assert got.status == status, got.text
        return got


def field(page: str, name: str) -> str:
    (value,) = re.findall(rf'name="{name}" value="([^"]*)"', page)
    return html.unescape(value)


def typed(page: str) -> str:
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    return html.unescape(text)


async def digest(files: Files) -> str:
    return (await files.get("/api/jobs/triggered/hello/versions")).text


@pytest.fixture
async def editor(files: Files) -> Editor:
    content = {
        "run.sh": "echo 1\n",
        "lib/crlf.txt": BOM + b"a\r\n<b>&\r\n",
        "data.bin": b"\0\1",
        "latin.txt": b"gr\xfc\xdfe",
        "big.txt": b"a" * 300_000,
    }
    put = await files.put("/api/jobs/triggered/hello", zipped(content), Content_Type="application/zip")
    assert put.status == 200, put.text
    return Editor(files)


async def test_files_are_listed_opened_and_saved_as_they_were(editor: Editor) -> None:
    listed = await editor.opened("")
    for words in ("run.sh", "7 B", "lib/", "data.bin", "300 kB"):
        assert words in listed, words
    assert "crlf.txt" in await editor.opened("path=lib")
    crlf = editor.folder / "lib" / "crlf.txt"
    os.chmod(crlf, 0o750)
    page = await editor.opened("path=lib/crlf.txt")
    assert typed(page) == "a\n<b>&\n"
    form = {"path": "lib/crlf.txt", "tag": field(page, "tag"), "content": "\r\na\r\n<b>& more\r\n"}
    before = await digest(editor.files)
    got = await editor.save(303, **form)
    assert got.headers["Location"] == f"{PAGE}/files?path=lib/crlf.txt&saved=deployed"
    assert crlf.read_bytes() == BOM + b"\r\na\r\n<b>& more\r\n" and crlf.stat().st_mode & 0o777 == 0o750
    assert await digest(editor.files) != before, "deployed before the answer"
    page = await editor.opened("path=lib/crlf.txt&saved=deployed")
    assert "Saved and deployed" in page and typed(page) == "\na\n<b>& more\n", "the first line end is kept"


async def test_a_file_that_was_changed_meanwhile_is_shown_beside_what_was_typed(editor: Editor) -> None:
    script = editor.folder / "run.sh"
    page = await editor.opened("path=run.sh")
    form = {"path": "run.sh", "tag": field(page, "tag"), "content": "echo mine\n"}
    script.write_bytes(b"echo theirs\n")
    got = await editor.save(412, **form)
    assert typed(got.text) == "echo mine\n" and "echo theirs" in got.text
    assert script.read_bytes() == b"echo theirs\n"
    await editor.save(303, **form | {"tag": field(got.text, "tag")})
    assert script.read_bytes() == b"echo mine\n"
    page = await editor.opened("path=lib/crlf.txt")
    (editor.folder / "lib" / "crlf.txt").unlink()
    form = {"path": "lib/crlf.txt", "tag": field(page, "tag"), "content": "again\n"}
    got = await editor.save(404, **form)
    assert typed(got.text) == "again\n" and "removed meanwhile" in got.text
    await editor.save(303, **form | {"tag": field(got.text, "tag")})
    assert (editor.folder / "lib" / "crlf.txt").read_bytes() == b"again\n"


async def test_what_cannot_be_edited_says_why_and_nothing_outside_is_reached(
    editor: Editor, tmp_path: Path
) -> None:
    for path, words in {"data.bin": "binary", "latin.txt": "UTF-8", "big.txt": "300 kB"}.items():
        page = await editor.opened(f"path={path}")
        assert words in page and "<textarea" not in page and "Download" in page, path
    other = editor.folder.parent / "other"
    other.mkdir()
    (other / "secret.txt").write_text("secret")
    (editor.folder / "link.txt").symlink_to("../other/secret.txt")
    (editor.folder / "linked").symlink_to("../other")
    (editor.folder / "far.txt").symlink_to(tmp_path)
    for path in ("link.txt", "linked", "linked/secret.txt", "far.txt", "nothing.txt", "run.sh/x"):
        assert "secret</textarea>" not in await editor.opened(f"path={path}", 404)
    for path in ("../other/secret.txt", "a/../../other", "a%5Cb", "a%00b"):
        await editor.opened(f"path={path}", 400)
    for path, status in {
        "linked/new.txt": 404,
        "link.txt": 404,
        "../other/new.txt": 400,
        "": 400,
        "lib/": 400,
        "lib": 409,
        "run.sh/x": 409,
    }.items():
        got = await editor.save(status, path=path, content="x", tag="")
        assert typed(got.text) == "x", path
    tag = field(await editor.opened("path=run.sh"), "tag")
    for content in ("a\0b", "a" * 300_000):
        got = await editor.save(400, path="run.sh", content=content, tag=tag)
        assert "Nothing was saved" in got.text
    await editor.save(400, path="run.sh", content="x", tag=tag, then="walk")
    assert (editor.folder / "run.sh").read_bytes() == b"echo 1\n"
    assert sorted(each.name for each in other.iterdir()) == ["secret.txt"]
    assert (await editor.files.get("/pages/triggered/nothing/files")).status == 404


async def test_new_files_settings_and_runs(editor: Editor) -> None:
    page = await editor.opened("new=lib")
    assert field(page, "tag") == "" and field(page, "path") == "lib/"
    await editor.save(303, path="lib/deep/new.txt", content="a\r\n", tag="")
    assert (editor.folder / "lib" / "deep" / "new.txt").read_bytes() == b"a\n"
    got = await editor.save(412, path="lib/deep/new.txt", content="b", tag="")
    assert typed(got.text) == "b" and "a\n</pre>" in got.text
    for settings, words in {
        '{"timeout": "x"}': "timeout",
        "{": "JSON",
        '{"schedule": "often"}': "fields",
    }.items():
        got = await editor.save(400, path="settings.job", content=settings, tag="")
        assert words in got.text and typed(got.text) == settings
    await editor.save(303, path="settings.job", content='{"timeout": 60}', tag="")
    settings = await editor.files.get("/api/jobs/triggered/hello/settings")
    assert settings.text == '{"timeout":60}'
    tag = field(await editor.opened("path=run.sh"), "tag")
    got = await editor.save(303, path="run.sh", content="echo 2\n", tag=tag, then="run")
    assert got.headers["Location"].startswith(f"{PAGE}/history/")
