"""The last line that a script wrote, in the last piece of its log."""

import pytest
from webjobs_api.backends.last_lines import last_line_of

MARK = b"[11/08/2013 02:56:00 > 327e1e: INFO] "
ERROR = b"[11/08/2013 02:56:00 > 327e1e: ERROR] "
SYSTEM = b"[11/08/2013 02:56:00 > 327e1e: SYS INFO] "


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (MARK + b"one\n" + MARK + b"two\n", "two"),
        (MARK + b"one\n" + ERROR + b"careful\n", "careful"),
        (MARK + b"one\n" + SYSTEM + b"Status changed to Running\n", "one"),
        (MARK + b"one\n" + MARK + b"   \n", "one"),
        (MARK + b"Password: ", "Password:"),
        (MARK + b"10 %\r20 %\r\n", "20 %"),
        (b"the end of a cut line\n" + MARK + b"\x1b[32mok\x1b[0m\n", "ok"),
        (MARK + b"\xff\n", "\ufffd"),
        (MARK + b"x" * 300 + b"\n", "x" * 200 + "…"),
        (SYSTEM + b"Status changed to Running\n", None),
        (b"", None),
    ],
)
def test_the_last_line_is_what_the_script_said_last(data: bytes, line: str | None) -> None:
    assert last_line_of(data) == line
