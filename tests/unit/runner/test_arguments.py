import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_runner.domain.arguments import split_arguments
from webjobs_runner.errors import InvalidArguments


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
    ("text", "advice"), [("'open", "close it"), ('a "b', "close it"), ("a\\", "double it"), ("a\0b", "NUL")]
)
def test_what_cannot_be_split_says_what_to_do(text: str, advice: str) -> None:
    with pytest.raises(InvalidArguments, match=advice):
        split_arguments(text)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_arguments_quoted_for_a_shell_come_back(arguments: list[str]) -> None:
    assert split_arguments(shlex.join(arguments)) == arguments
