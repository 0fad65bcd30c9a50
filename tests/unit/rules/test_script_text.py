"""Scripts that were saved on Windows mean what is written in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.script_text import cleaned, may_need_cleaning

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("name", "content", "expected", "said"),
    [
        ("run.sh", b"set -e\r\nfalse\r\n", b"set -e\nfalse\n", "(CRLF) were replaced in 2 lines"),
        ("run.sh", b"set -e\r\nfalse\n", b"set -e\nfalse\n", "in 1 line;"),
        ("RUN.SH", BOM + b"set -e\n", b"set -e\n", "a byte order mark was left out"),
        ("run.sh", BOM + b"#!/bin/sh\r\n", b"#!/bin/sh\n", "left out, Windows line ends"),
        (
            "run.sh",
            "set -e\r\necho ä\r\n".encode("utf-16"),
            "set -e\necho ä\n".encode(),
            "UTF-16 was converted",
        ),
        ("run.sh", b"\xfe\xff" + "true\n".encode("utf-16-be"), b"true\n", "UTF-16 was converted to UTF-8"),
        (
            "run",
            b"#!/usr/bin/env python3\r\n",
            b"#!/usr/bin/env python3\n",
            "run was cleaned in the working copy",
        ),
        ("in/run", b"#!/bin/sh\r\n", b"#!/bin/sh\n", "in/run was cleaned"),
        ("run.php", BOM + b"<?php\r\n", b"<?php\r\n", "a byte order mark was left out"),
        ("run.cmd", BOM + b"@echo off\r\n", b"@echo off\r\n", "a byte order mark was left out"),
        ("run.cmd", b"@echo off\r\n", b"@echo off\r\n", ""),
        ("run.sh", b"printf 'a\rb'\n", b"printf 'a\rb'\n", ""),
        ("run.sh", b"exit\r\n\0binary\r\n", b"exit\r\n\0binary\r\n", ""),
        ("run.sh", b"\xff\xfea", b"\xff\xfea", ""),
        ("run", b"\x7fELF\r\n\0", b"\x7fELF\r\n\0", ""),
        ("run.sh", b"", b"", ""),
    ],
)
def test_a_script_is_cleaned_only_where_its_interpreter_needs_that(
    name: str, content: bytes, expected: bytes, said: str
) -> None:
    text, sentence = cleaned(name, content)
    assert text == expected
    assert said in sentence and bool(said) == bool(sentence)
    assert cleaned(name, text) == (text, "")


@pytest.mark.parametrize(("name", "may"), [("run.sh", True), ("run", True), ("a.py", False), ("a.js", False)])
def test_other_types_are_left_alone(name: str, may: bool) -> None:
    assert may_need_cleaning(name) is may


@given(st.binary())
def test_nothing_but_marks_and_line_ends_changes(content: bytes) -> None:
    text, sentence = cleaned("run.sh", content)
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert text in (content, content.removeprefix(BOM).replace(b"\r\n", b"\n"))
    assert bool(sentence) == (text != content)
