import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_api.http.file_errors import InvalidInstance, InvalidPath, RangeNotSatisfiable
from webjobs_api.http.files import (
    condition_of,
    headers_of_file,
    instance_of,
    is_unmodified,
    mime_of,
    path_of,
    range_of_file,
)
from webjobs_events.files import Condition, FileInfo, Kind

SECOND = 1_383_879_360
INFO = FileInfo(
    name="a.txt",
    kind=Kind.FILE,
    size=10,
    modified_ns=SECOND * 1_000_000_000 + 123_456_789,
    created_ns=0,
    etag="abc",
    path="/srv/a.txt",
)
DATE = "Fri, 08 Nov 2013 02:56:00 GMT"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/api/vfs/site/a%20b", "site/a b"),
        ("/api/vfs//site%2fx", "site/x"),
        ("/api/vfs/%2e%2e/x", "../x"),
        ("/api/vfs/%C3%A9%25", "é%"),
        ("/api/vfs", ""),
        ("/api/vfs/100%", "100%"),
    ],
)
def test_a_path_is_decoded_once(raw: str, path: str) -> None:
    assert path_of(raw, "/api/vfs") == path


@pytest.mark.parametrize("raw", ["/vfs/%ff", "/vfs/%ed%a0%80", "/vfs/%c0%ae"])
def test_a_path_that_is_no_text_is_refused(raw: str) -> None:
    with pytest.raises(InvalidPath):
        path_of(raw, "/vfs")


def test_an_instance_has_six_hex_digits() -> None:
    assert instance_of(None) is None
    assert instance_of("327e1e") == "327e1e"
    for text in ("", "327E1E", "327e1e0", "*", ">", "a.b.cd"):
        with pytest.raises(InvalidInstance):
            instance_of(text)


def test_headers_of_a_file_tell_its_version() -> None:
    assert headers_of_file(INFO) == {"ETag": '"abc"', "Last-Modified": DATE}


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "condition"),
    [
        ([], [], Condition()),
        (['"a"'], [], Condition(match=("a",))),
        (['"a", "b"', "*"], [], Condition(match=("a", "b", "*"))),
        (['W/"a"'], [], Condition(match=())),
        (["junk"], [], Condition(match=())),
        ([], ['W/"a"'], Condition(none_match=("a",))),
        ([], ["*"], Condition(none_match=("*",))),
        (['"a,b"'], [], Condition(match=("a,b",))),
    ],
)
def test_conditions_are_read_from_their_headers(
    if_match: list[str], if_none_match: list[str], condition: Condition
) -> None:
    assert condition_of(if_match, if_none_match) == condition


@pytest.mark.parametrize(
    ("if_none_match", "since", "is_same"),
    [
        ([], None, False),
        (['"abc"'], None, True),
        (['W/"abc"'], None, True),
        (['"x"', '"abc"'], None, True),
        (["*"], None, True),
        (['"x"'], DATE, False),
        ([], DATE, True),
        ([], "Fri, 08 Nov 2013 02:55:59 GMT", False),
        ([], "no date", False),
        ([], "Fri, 08 Nov 99999 02:55:59 GMT", False),
    ],
)
def test_a_client_has_the_file_already(if_none_match: list[str], since: str | None, is_same: bool) -> None:
    assert is_unmodified(INFO, if_none_match, since) is is_same


@pytest.mark.parametrize(
    ("wanted", "if_range", "part"),
    [
        (None, None, None),
        ("bytes=0-0", None, (0, 1)),
        ("bytes=0-", None, (0, 10)),
        ("bytes=5-1000", None, (5, 10)),
        ("bytes=-1", None, (9, 10)),
        ("bytes=-1000", None, (0, 10)),
        ("Bytes = 1 - 2", None, (1, 3)),
        ("bytes=-", None, None),
        ("bytes=3-2", None, None),
        ("bytes=0-1,3-4", None, None),
        ("bytes=0-1", '"abc"', (0, 2)),
        ("bytes=0-1", 'W/"abc"', None),
        ("bytes=0-1", '"x"', None),
        ("bytes=0-1", DATE, (0, 2)),
        ("bytes=0-1", "Fri, 08 Nov 2013 02:56:01 GMT", None),
        ("bytes=0-1", "junk", None),
        ("bytes=99-", '"x"', None),
    ],
)
def test_the_part_of_a_file_is_the_one_asked_for(
    wanted: str | None, if_range: str | None, part: tuple[int, int] | None
) -> None:
    assert range_of_file(INFO, wanted, if_range) == part


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={'9' * 40}-"])
def test_a_part_behind_the_end_is_refused(wanted: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="10 bytes"):
        range_of_file(INFO, wanted, None)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_is_a_fault_of_the_server(one: str, other: str) -> None:
    condition_of([one], [other])
    is_unmodified(INFO, [], one)
    range_of_file(INFO, one, other)


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.html", "text/html"),
        ("a.JSON", "application/json"),
        ("a.log", "text/plain"),
        ("run.sh", "text/plain"),
        ("run.py", "text/x-python"),
        ("a.zip", "application/zip"),
        ("a.tar.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a.Z", "application/octet-stream"),
        ("settings.job", "application/json"),
        (".profile", "application/octet-stream"),
        ("a?b", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_told_by_its_extension(name: str, mime: str) -> None:
    assert mime_of(FileInfo(name=name, kind=Kind.FILE, modified_ns=0, created_ns=0, path="")) == mime


def test_what_is_no_file_has_a_type_too() -> None:
    for kind, mime in (
        (Kind.FOLDER, "inode/directory"),
        (Kind.LINK, "inode/symlink"),
        (Kind.OTHER, "inode/special"),
    ):
        assert mime_of(FileInfo(name="a.txt", kind=kind, modified_ns=0, created_ns=0, path="")) == mime
