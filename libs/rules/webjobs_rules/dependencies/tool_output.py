"""What uv and npm write, made fit for people: no addresses, few lines, and whether trying again helps."""

import re
from collections.abc import Sequence

from webjobs_rules.dependencies.tool_advice import advice

MOST_LINES = 20
_LONGEST_LINE = 500
_ADDRESS = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s'\"`<>)\]]+")
_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_CREDENTIALS = re.compile(r"(?i)(_authToken|_auth|_password|password|token)\s*[=:]\s*\S+")
_OUTAGE = re.compile(
    r"(?i)failed to fetch|error sending request|dns error|tcp connect|connection refused|connection reset"
    r"|connection closed|timed? ?out|could not connect|401 unauthorized|403 forbidden|\b(?:429|50[0-9]) \w"
    r"|\b(?:ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|E40[13]|E5\d\d)\b"
    r"|lack of valid authentication|network is unreachable|certificate|tls handshake|request failed after"
)
_NO_NEWS = re.compile(r"A complete log of this run can be found in|^Using Python \S+ environment at")
_NO_SPACE = re.compile(r"(?i)no space left on device|os error 28|ENOSPC|disk quota exceeded|os error 122")


def without_addresses(text: str) -> str:
    """A text of a tool without addresses, credentials and control characters."""
    return _CREDENTIALS.sub(r"\1=[redacted]", _ADDRESS.sub("[address]", _COLORS.sub("", text)))


def sentences(lines: Sequence[str]) -> str:
    """The last lines of a tool, at most 20 and without addresses, and then what to do about them."""
    kept = (line for line in lines if not _NO_NEWS.search(line))
    cleaned = [without_addresses(line).rstrip()[:_LONGEST_LINE] for line in kept]
    what_to_do = advice(cleaned)
    shown = [line for line in cleaned if line.strip()][-MOST_LINES:]
    return "\n".join([*shown, what_to_do] if what_to_do else shown)


def is_news(line: str) -> bool:
    """Whether a line of a tool says something to people."""
    return bool(line.strip()) and not _NO_NEWS.search(line)


def is_outage(lines: Sequence[str]) -> bool:
    """Whether a tool failed as an index was away or refused the login, so that another try may help."""
    return any(map(_OUTAGE.search, lines))


def lacks_space(lines: Sequence[str]) -> bool:
    """Whether a tool failed for lack of space on the disk."""
    return any(map(_NO_SPACE.search, lines))
