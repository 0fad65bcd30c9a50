"""Text that a program wrote for a terminal, as plain text; pure."""

import re
from typing import Final

ESCAPE = re.compile(
    r"\x1b\[([0-9;:]*)m"  # the style of what follows
    r"|\x1b\[[0-?]*[ -/]*(?:[@-~]|$)"  # movements, and what the end of the text cut off
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[ -/]*(?:[0-Z\\^-~]|$)"  # character sets, keypads
    r"|\x1b"
)
"""An escape sequence. Each alternative stops at the next escape character: the time is linear."""

SIGNS: Final = {
    **{code: 0x2400 + code for code in range(0x20) if code != 0x09},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    **dict.fromkeys((0x061C, 0x200E, 0x200F, 0x2028, 0x2029), 0xFFFD),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD),
}
"""What is shown in place of characters that would move the cursor, hide text, or change its direction."""


def plain(text: str) -> str:
    r"""Returns what a line shows in the end, without styles: only what is after its last `\r` stays."""
    return ESCAPE.sub("", text.rstrip("\r").rpartition("\r")[2]).translate(SIGNS)
