"""How commands print: JSON for programs, aligned tables for people."""

import io
import json

import msgspec
import pytest
from webjobs_cli.commands.why import Cause, lines_of
from webjobs_cli.errors import CommandError
from webjobs_cli.output import Output, has_colours
from webjobs_cli.table import Column, first_line, in_one_line, printable, table_lines, width_of


class Row(msgspec.Struct):
    name: str
    count: int = 0


ROWS = [Row("hello", 1), Row("Grüße", 22)]
COLUMNS: list[Column[Row]] = [
    Column("NAME", lambda row: row.name, lambda row: "red" if row.count == 1 else ""),
    Column("COUNT", lambda row: str(row.count)),
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", [{"name": "hello", "count": 1}, {"name": "Grüße", "count": 22}]),
        ("name", [{"name": "hello"}, {"name": "Grüße"}]),
        (" count , name,", [{"count": 1, "name": "hello"}, {"count": 22, "name": "Grüße"}]),
    ],
)
def test_json_has_all_fields_or_those_that_are_named(fields: str, expected: object) -> None:
    stream = io.StringIO()
    Output(fields, stream).rows(Row, ROWS, COLUMNS)
    assert json.loads(stream.getvalue()) == expected


@pytest.mark.parametrize("rows", [ROWS, []])
def test_a_field_that_is_not_there_is_refused_with_those_that_are(rows: list[Row]) -> None:
    with pytest.raises(CommandError, match=r"'nme'.*name, count") as raised:
        Output("name,nme", io.StringIO()).rows(Row, rows, COLUMNS)
    assert raised.value.exit_code == 2


def test_an_empty_list_is_an_empty_array() -> None:
    stream = io.StringIO()
    Output("", stream).rows(Row, [], COLUMNS, "There is none.")
    assert stream.getvalue() == "[]\n"


def test_nothing_but_json_is_printed_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    Output("", stream).note("Done.")
    Output("", stream).one(ROWS[0], ["for people"])
    assert json.loads(stream.getvalue()) == {"name": "hello", "count": 1}
    assert capsys.readouterr() == ("", "")


def test_a_table_is_aligned_and_plain() -> None:
    lines = table_lines(ROWS, COLUMNS, colours=False, width=None)
    assert lines == ["NAME   COUNT", "hello  1", "Grüße  22"]


def test_colours_do_not_shift_columns() -> None:
    lines = table_lines(ROWS, COLUMNS, colours=True, width=None)
    assert lines[1] == "\x1b[31mhello\x1b[0m  1"


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0)]
)  # fmt: skip
def test_wide_and_combining_characters_take_their_cells(text: str, width: int) -> None:
    assert width_of(text) == width


def test_only_the_last_column_is_cut_and_only_on_a_terminal() -> None:
    rows = [Row("a-very-long-name-that-is-never-cut", 123_456_789)]
    assert table_lines(rows, COLUMNS, colours=False, width=41)[1] == f"{rows[0].name}  1234…"
    assert table_lines(rows, COLUMNS, colours=False, width=10)[1].endswith("  123456789")
    assert table_lines(rows, COLUMNS, colours=False, width=None)[1].endswith("  123456789")


def test_a_text_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[31mb\nc") == "a\\x1b[31mb\\nc"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "0"}, False),
    ],
)
def test_colours_follow_the_environment(variables: dict[str, str], expected: bool) -> None:
    assert has_colours(io.StringIO(), variables) is expected


def test_a_sentence_of_several_lines_is_joined_cut_or_indented() -> None:
    reason = "run.py cannot be resolved:\nerror: No solution\n  cause: \x1b[31mx"
    assert in_one_line(reason) == "run.py cannot be resolved: error: No solution cause: \\x1b[31mx"
    assert (first_line(reason), first_line("one"), first_line("")) == (
        "run.py cannot be resolved …",
        "one",
        "",
    )
    cause = Cause(code="refused", text=reason, since=None, until=None, remedy="Deploy again.")
    assert lines_of(cause) == [
        "refused: run.py cannot be resolved:",
        "    error: No solution",
        "    cause: \\x1b[31mx",
        "  Deploy again.",
    ]
