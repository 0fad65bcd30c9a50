"""Cron lines of other programs, rewritten as the six fields that webjobs reads; pure.

What has exactly one meaning is rewritten: names such as `@daily`, five fields, `?`, and 7 for Sunday.
What has none, or one that six fields cannot express, is refused with what to write instead.
"""

import re
from collections.abc import Sequence

from webjobs_rules.errors import InvalidSchedule

_NAMED = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_ZONE = re.compile(r"(?:CRON_)?TZ=\S*", re.IGNORECASE)
_SPAN_OF_TIME = re.compile(r"(?:\d+\.)?\d{1,2}:\d{2}(?::\d{2})?")
_WANTED = "must have six fields: second minute hour day month weekday"
_DAY, _WEEKDAY = 3, 5
_LAST_OR_NEAREST = re.compile(r"(?:L(?:-\d+)?|LW|WL|\d{1,2}[LW]|[A-Z]{3,9}L|\S*#\S*)", re.IGNORECASE)
_NUMBER_OF_DAY = re.compile(r"[0-9]")


def six_fields(text: str) -> list[str]:
    """Returns the fields of an expression, rewritten where another dialect has one meaning here.

    Raises:
        InvalidSchedule: It does not have the fields of any dialect that webjobs takes.
    """
    parts = text.split()
    if parts and _ZONE.fullmatch(parts[0]):
        raise InvalidSchedule(text, "names a time zone; write that under the key time_zone instead")
    if len(parts) >= 1 and parts[0].startswith("@"):
        parts = _named(text, parts)
    elif len(parts) == 5:
        parts = ["0", *parts]
    if len(parts) != 6:
        raise InvalidSchedule(text, _wrong_number(parts))
    for position in (_DAY, _WEEKDAY):
        if parts[position] == "?":
            parts[position] = "*"
    parts[_WEEKDAY] = ",".join(_sunday_first(item) for item in parts[_WEEKDAY].split(","))
    for position, part in enumerate(parts):
        _refuse_special(text, position, part)
    return parts


def rewritten(text: str, parts: Sequence[str]) -> list[str]:
    """Returns sentences about how an expression was rewritten as these six fields; empty if it was not."""
    written = text.split()
    if written == list(parts):
        return []
    introduction = "has five fields and is read" if len(written) == 5 else "is read"
    notes = [f'{introduction} as "{" ".join(parts)}"']
    if "?" in written and _NUMBER_OF_DAY.search(written[-1]):
        notes.append(
            "counts weekdays from Sunday = 0, where Quartz counts from Sunday = 1: write their names"
        )
    return notes


def _named(text: str, parts: Sequence[str]) -> list[str]:
    name = parts[0].lower()
    if len(parts) == 1 and name in _NAMED:
        return _NAMED[name].split()
    if name == "@reboot":
        reason = "names no time; use a continuous job for what runs at every start"
    elif name == "@every":
        reason = 'is an interval; write fields such as "0 */5 * * * *" for every five minutes'
    else:
        reason = f"is not one of {', '.join(sorted(_NAMED))}, and has no six fields"
    raise InvalidSchedule(text, reason)


def _sunday_first(item: str) -> str:
    """An item of the weekdays without the number 7, which other programs take for Sunday."""
    span, slash, step = item.partition("/")
    begin, _, end = span.partition("-")
    if begin == "7" and end in ("", "7"):
        return "0"
    if begin == "7":
        return f"0-{end}{slash}{step}"
    if end != "7" or (step and not re.fullmatch(r"[1-9][0-9]{0,8}", step)):
        return item
    if begin in ("0", "1") and not slash:
        return "*"
    if not re.fullmatch(r"[0-6]", begin):
        return f"{begin}-6{slash}{step},0" if not slash else item
    days = [day % 7 for day in range(int(begin), 8, int(step or 1))]
    return ",".join(map(str, sorted(set(days))))


def _refuse_special(text: str, position: int, part: str) -> None:
    if part == "H" or part.startswith("H("):
        raise InvalidSchedule(text, "has an H, which only Jenkins knows; write the value itself")
    if position not in (_DAY, _WEEKDAY):
        if "?" in part:
            raise InvalidSchedule(text, 'has a "?" outside the fields of days; write "*"')
        return
    for item in part.split(","):
        if "?" in item:
            raise InvalidSchedule(text, f'has {item[:20]!r}; a "?" stands alone in its field')
        if _LAST_OR_NEAREST.fullmatch(item) or (position == _DAY and item.upper() == "W"):
            raise InvalidSchedule(
                text,
                f"has {item[:20]!r}: L (last), W (nearest weekday) and # (nth weekday) are not known; name "
                "every day on which it may be, and let the script check the date",
            )


def _wrong_number(parts: Sequence[str]) -> str:
    if len(parts) == 7:
        hint = f': "{" ".join(parts[:6])}"' if parts[6] in ("*", "?") else ""
        return f"{_WANTED}; it has seven, and there is no field for the year: leave the seventh out{hint}"
    if len(parts) == 1 and _SPAN_OF_TIME.fullmatch(parts[0]):
        return f'{_WANTED}; {parts[0]} is an interval: write "0 */5 * * * *" for every five minutes'
    return f"{_WANTED}; it has {len(parts)}"
