import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.arguments import MAX_ARGUMENTS_BYTES, bounded_arguments, check_arguments, split_arguments
from webjobs_rules.errors import InvalidArguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", []),
        ("  \t ", []),
        ("one two", ["one", "two"]),
        ('a "b c" d\\ e', ["a", "b c", "d e"]),
        ("'it''s' \"say \\\"hi\\\"\"", ["its", 'say "hi"']),
        ("'' \"\"", ["", ""]),
        ("$HOME `id` * ; rm | > #kept", ["$HOME", "`id`", "*", ";", "rm", "|", ">", "#kept"]),
        ("naïve 日本", ["naïve", "日本"]),
    ],
)
def test_text_is_split_as_a_shell_would_but_nothing_is_expanded(text: str, arguments: list[str]) -> None:
    assert split_arguments(text) == arguments


@pytest.mark.parametrize(
    ("text", "advice"),
    [("'open", "close it"), ('a "b', "close it"), ("a\\", "double it"), ("a\0b", "NUL"), ("\udcff", "UTF-8")],
)
def test_what_cannot_be_split_says_what_to_do(text: str, advice: str) -> None:
    with pytest.raises(InvalidArguments, match=advice):
        split_arguments(text)


@given(st.text("ab \t\n'\"\\#é", max_size=20))
def test_a_text_is_split_as_the_standard_library_splits_it(text: str) -> None:
    try:
        expected: list[str] | None = shlex.split(text)
    except ValueError:
        expected = None
    if expected is None:
        with pytest.raises(InvalidArguments):
            split_arguments(text)
    else:
        assert split_arguments(text) == expected


@pytest.mark.parametrize(
    "unit", ["a", "'", '"', "\\", "\\a", "'a'", '"a"', '"\\"', "a ", " ", "a'b'", '"\\""', "'\"", '""\'']
)
@pytest.mark.parametrize("opening", ["", '"', "'", "\\"])
def test_the_largest_text_of_any_shape_is_split_in_no_time(unit: str, opening: str) -> None:
    text = (opening + unit * MAX_ARGUMENTS_BYTES)[:MAX_ARGUMENTS_BYTES]
    began = time.process_time()
    try:
        split_arguments(text)
    except InvalidArguments:
        pass
    assert time.process_time() - began < 0.2, "a quadratic splitter takes minutes for some of these"


def test_arguments_up_to_the_limit_are_taken_counted_in_bytes() -> None:
    assert check_arguments("é" * (MAX_ARGUMENTS_BYTES // 2)) is not None
    for text in ("a" * (MAX_ARGUMENTS_BYTES + 1), "é" * (MAX_ARGUMENTS_BYTES // 2) + "a", "a" * 10**6):
        with pytest.raises(InvalidArguments, match="32,768 bytes"):
            check_arguments(text)


@pytest.mark.parametrize("text", [None, "", "  ", " \t\r\n"])
def test_no_arguments_are_none(text: str | None) -> None:
    assert check_arguments(text) is None


@pytest.mark.parametrize("text", ["a", "a 'b c' \"d\"", "$HOME; rm -rf *", "--x=\\ y", "é 日本", "''"])
def test_arguments_are_passed_on_as_given(text: str) -> None:
    assert check_arguments(text) == text


@given(st.text(st.characters(exclude_categories=[]), max_size=50), st.integers(0, 50_000))
def test_arguments_that_are_cut_stay_refused(unit: str, times: int) -> None:
    text = unit * times
    bounded = bounded_arguments(text)
    assert bounded is not None
    if len(text.encode("utf-8", "replace")) <= MAX_ARGUMENTS_BYTES:
        assert bounded == text
    else:
        assert MAX_ARGUMENTS_BYTES < len(bounded.encode()) <= MAX_ARGUMENTS_BYTES + 4
        with pytest.raises(InvalidArguments, match="32,768 bytes"):
            split_arguments(bounded)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_arguments_quoted_for_a_shell_come_back(arguments: list[str]) -> None:
    assert split_arguments(shlex.join(arguments)) == arguments
