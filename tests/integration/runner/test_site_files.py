"""Files of the site folder on a real disk: races that must not lead out of it, and other file systems."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webjobs_environments.folder_swap import swap_folders
from webjobs_events.files import Condition
from webjobs_rules.errors import WebJobsError
from webjobs_runner.domain.site_path import parse_path
from webjobs_runner.files.site import Site
from webjobs_runner.vfs.site_files import SiteFiles
from webjobs_runner.vfs.zip_stream import zip_pieces

ANY = Condition(match=("*",))
MEMORY = Path("/dev/shm")


@pytest.fixture
def files(tmp_path: Path) -> SiteFiles:
    site = Site(tmp_path / "site")
    site.ensure()
    return made(SiteFiles(site, site.root / "data" / ".runner" / "uploads"))


def made(files: SiteFiles) -> SiteFiles:
    files.clear_scratch()
    return files


def upload(files: SiteFiles, content: bytes) -> Path:
    path = files.scratch / "an.upload"
    path.write_bytes(content)
    return path


@pytest.fixture
def swapped(tmp_path: Path, files: SiteFiles) -> Iterator[Path]:
    """A folder of the site that is a link to another one outside at every other instant."""
    outside, folder = tmp_path / "outside", files.root / "site" / "folder"
    for path, content in ((outside, "secret"), (folder, "public")):
        path.mkdir()
        (path / "file.txt").write_text(content)
    link, over = folder.with_name("link"), threading.Event()
    link.symlink_to(outside)

    def swap() -> None:
        while not over.is_set():
            assert swap_folders(link, folder)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        yield outside
    finally:
        over.set()
        swapping.join()


def test_no_race_leads_out_of_the_site(files: SiteFiles, swapped: Path) -> None:
    path = ("site", "folder", "file.txt")
    read, packed = set(), b""
    for number in range(60):
        with suppress(WebJobsError):
            descriptor, _ = files.open(path)
            assert descriptor is not None
            read.add(os.read(descriptor, 100))
            os.close(descriptor)
        with suppress(WebJobsError):
            files.place(upload(files, b"public"), path, ANY)
        with suppress(WebJobsError, OSError):
            files.place(upload(files, b"new"), ("site", "folder", f"new-{number}"), ANY)
        with suppress(WebJobsError, OSError):
            files.remove((*path[:2], f"new-{number - 1}"), True, ANY)
        packed += b"".join(zip_pieces(files.root, ("site",), 1000))
    assert read == {b"public"}
    assert b"secret" not in packed
    assert [entry.name for entry in swapped.iterdir()] == ["file.txt"]
    assert (swapped / "file.txt").read_text() == "secret"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.sampled_from("./\\ab\0\n~%é\udcff") | st.characters(), max_size=30))
def test_no_path_is_more_than_refused(files: SiteFiles, text: str) -> None:
    before = sorted(files.root.parent.iterdir())
    for change in (
        lambda: files.stat(parse_path(text)),
        lambda: files.entries(parse_path(text)),
        lambda: files.place(upload(files, b"x"), parse_path(f"site/{text}"), ANY),
        lambda: files.remove(parse_path(f"site/{text}"), False, ANY),
    ):
        with suppress(WebJobsError):
            change()
    assert sorted(files.root.parent.iterdir()) == before


@pytest.mark.skipif(not MEMORY.is_dir(), reason="no second file system at hand")
def test_an_upload_grows_on_another_file_system(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.ensure()
    assert MEMORY.stat().st_dev != tmp_path.stat().st_dev
    with TemporaryDirectory(dir=MEMORY) as memory:
        files = made(SiteFiles(site, Path(memory) / "scratch"))
        created, info = files.place(upload(files, b"first"), ("site", "a", "x.txt"), Condition())
        assert created
        assert files.stat(("site", "a", "x.txt")) == info
        created, info = files.place(upload(files, b"second"), ("site", "a", "x.txt"), ANY, 0o755)
        assert not created
        folder = site.root / "site" / "a"
        assert [path.name for path in folder.iterdir()] == ["x.txt"]
        assert (folder / "x.txt").read_bytes() == b"second"
        assert (folder / "x.txt").stat().st_mode & 0o777 == 0o755
        assert files.remove(("site", "a"), True, Condition()) is None
        assert not folder.exists()
        assert list(files.scratch.iterdir()) == []
