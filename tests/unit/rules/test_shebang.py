"""First lines that name an interpreter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.shebang import Shebang, parse_shebang


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\necho", Shebang("/bin/sh")),
        (b"#! /bin/bash -eu\n", Shebang("/bin/bash", ("-eu",))),
        (b"#!/bin/bash -e -u", Shebang("/bin/bash", ("-e", "-u"))),
        (b"#!/usr/bin/env python3\r\nprint()\r\n", Shebang("python3")),
        (b"\xef\xbb\xbf#!/usr/bin/env node\n", Shebang("node")),
        (b"#!/usr/bin/env -S python3 -u -X dev\n", Shebang("python3", ("-u", "-X", "dev"))),
        (b"#!/usr/bin/env -Spython3 -u\n", Shebang("python3", ("-u",))),
        (b"#!/usr/bin/env python3 -u\n", Shebang("python3", ("-u",))),
        (b"#!/usr/bin/env -S A=1 python3\n", Shebang("env", ("A=1", "python3"))),
        (b"#!/usr/bin/env -i sh\n", Shebang("env", ("-i", "sh"))),
        (b"#!/usr/bin/env -S awk -F ' ' -f\n", Shebang("awk", ("-F", " ", "-f"))),
        (b"#!perl 'x\n", Shebang("perl", ("'x",))),
        (b"#!\n", None),
        (b"#!/usr/bin/env\n", None),
        (b" #!/bin/sh\n", None),
        (b"echo #!/bin/sh", None),
        (b"", None),
    ],
)
def test_what_a_first_line_names(head: bytes, expected: Shebang | None) -> None:
    assert parse_shebang(head) == expected


def test_a_path_that_is_not_there_is_looked_for_by_its_name() -> None:
    assert Shebang("/opt/homebrew/bin/python3").programs == ("/opt/homebrew/bin/python3", "python3")
    assert Shebang("python3").programs == ("python3",)


@given(st.binary())
def test_no_first_line_is_a_fault(rest: bytes) -> None:
    found = parse_shebang(b"#!" + rest)
    assert found is None or "\0" not in found.program
