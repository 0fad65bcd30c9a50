"""Files in forms, and bodies that are only called forms."""

import pytest
from webjobs_api.http.form_file import boundary_of, files_in_form
from webjobs_api.http.upload_errors import BrokenForm, InvalidFileName

EDGE = b"x-y"


def part(head: str, content: bytes) -> bytes:
    return b"--x-y\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def file_part(name: str, content: bytes) -> bytes:
    return part(f'Content-Disposition: form-data; name="f"; filename="{name}"', content)


def found(body: bytes) -> list[tuple[str, bytes]]:
    files = files_in_form(body, EDGE)
    assert files is not None
    return [(each.name, body[each.start : each.end]) for each in files]


FORMS = {
    "a file": (file_part("run.sh", b"echo"), [("run.sh", b"echo")]),
    "an empty file": (file_part("run.sh", b""), [("run.sh", b"")]),
    "a field before": (
        part('content-disposition: form-data; name="a"', b"1") + file_part("r", b"2"),
        [("r", b"2")],
    ),
    "two files": (file_part("a", b"1") + file_part("b", b"2"), [("a", b"1"), ("b", b"2")]),
    "no file chosen": (file_part("", b""), []),
    "a preamble": (b"This is a form.\r\n" + file_part("a", b"1"), [("a", b"1")]),
    "a boundary's beginning inside": (
        file_part("a", b"1\r\n--x-y2\r\n--x\r\n"),
        [("a", b"1\r\n--x-y2\r\n--x\r\n")],
    ),
    "line ends inside": (file_part("a", b"\r\n\r\n1\r\n"), [("a", b"\r\n\r\n1\r\n")]),
    "a folded header": (
        part('Content-Disposition: form-data; name="f";\r\n filename="a b.sh"', b"1"),
        [("a b.sh", b"1")],
    ),
    "an encoded name": (
        part("Content-Disposition: form-data; filename*=UTF-8''%C3%A4.sh", b"1"),
        [("ä.sh", b"1")],
    ),
    "a name in UTF-8": (file_part("ä.sh", b"1"), [("ä.sh", b"1")]),
    "a path of Windows": (file_part("C:\\\\me\\\\a.zip", b"1"), [("a.zip", b"1")]),
}


@pytest.mark.parametrize("case", FORMS)
def test_files_are_found_in_forms(case: str) -> None:
    body, files = FORMS[case]
    assert found(body + b"--x-y--\r\n") == files
    assert found(body + b"--x-y--") == files


@pytest.mark.parametrize(
    "body", [b"", b"PK\x03\x04 --x-y\r\n", b"--x", b"--other\r\n\r\n", bytes(5000) + b"\n--x-y"]
)
def test_what_does_not_begin_with_the_boundary_is_no_form(body: bytes) -> None:
    assert files_in_form(body, EDGE) is None


@pytest.mark.parametrize(
    "body",
    [
        b"--x-y",
        b"--x-y\r\n",
        b"--x-y\r\nContent-Disposition: form-data",
        file_part("a", b"1")[:-2],
        file_part("a", b"1"),
        file_part("a", b"1") * 101 + b"--x-y--",
        part("A: " + "b" * 20_000, b"") + b"--x-y--",
        part('Content-Transfer-Encoding: base64\r\nContent-Disposition: a; filename="a"', b"") + b"--x-y--",
    ],
)
def test_a_broken_form_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenForm):
        files_in_form(body, EDGE)


def test_a_name_that_no_folder_should_carry_is_refused() -> None:
    with pytest.raises(InvalidFileName):
        files_in_form(file_part("..", b"1") + b"--x-y--", EDGE)


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=x-y", b"x-y"),
        ('multipart/form-data; charset=utf-8; Boundary="a b:c"', b"a b:c"),
        ("multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxk", b"----WebKitFormBoundary7MA4YWxk"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; xboundary=x", None),
    ],
)
def test_the_boundary_is_read_from_the_header(header: str, boundary: bytes | None) -> None:
    assert boundary_of(header) == boundary
