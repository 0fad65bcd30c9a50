"""Text for a terminal as plain text."""

import pytest
from webjobs_rules.terminal_text import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m end", "red end"),
        ("10 %\r20 %\r", "20 %"),
        ("\x1b]0;title\x07text", "text"),
        ("cut \x1b[3", "cut "),
        ("a\tb", "a\tb"),
        ("bell\x07", "bell\u2407"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("", ""),
    ],
)
def test_styles_and_movements_are_left_out_and_other_signs_are_visible(text: str, shown: str) -> None:
    assert plain(text) == shown
