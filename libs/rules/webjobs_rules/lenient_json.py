"""JSON as people write it by hand: comments and commas before a closing bracket; pure."""

import re

# A string first, so that what looks like a comment in it stays.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*"|[\[{]\s*,)|,(?=\s*[}\]])', re.DOTALL)


def strict_json(text: str) -> str:
    """Returns the text without `//` and `/* */` comments and without commas before `}` and `]`.

    Strings stay as they are; places in the text stay where they are, for error texts that name them.
    """
    without_comments = _TOKEN.sub(_blank_comment, text)
    return _LAST_COMMA.sub(lambda found: found[1] or " ", without_comments)


def _blank_comment(found: re.Match[str]) -> str:
    token = found[0]
    return token if token.startswith('"') else re.sub(r"[^\r\n]", " ", token)
