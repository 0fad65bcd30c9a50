"""Durations and instants, as people write and read them."""

import re
from datetime import datetime, timedelta

import click
from webjobs_rules.amounts import distance

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_MOST_SECONDS = 10 * 365 * 86_400.0


def seconds_of(text: str) -> float:
    """The seconds of `90`, `90s`, `2h` or `1h30m`.

    Raises:
        ValueError: It is no duration.
    """
    stripped = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", stripped):
        seconds = float(stripped)
    else:
        parts = _PART.findall(stripped)
        if not parts or "".join(number + unit for number, unit in parts) != stripped:
            raise ValueError(text)
        seconds = sum(float(number) * (0.001 if unit == "ms" else _UNITS[unit]) for number, unit in parts)
    if seconds > _MOST_SECONDS:
        raise ValueError(text)
    return seconds


class Duration(click.ParamType[float]):
    """An option with a duration; its value is in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of the text."""
        if isinstance(value, float):
            return value
        try:
            return seconds_of(str(value))
        except ValueError:
            self.fail(f"{value!r} is no duration. Write it as 90s, 10m, 2h or 1h30m.", param, ctx)


class Since(click.ParamType[datetime]):
    """An option with an instant: a duration before now, or an instant in ISO 8601."""

    name = "when"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant with its zone; without one it is local time."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            return datetime.now().astimezone() - timedelta(seconds=seconds_of(text))
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(text).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no time. Write it as 2h, or as 2026-01-02T03:04:05Z.", param, ctx)


def ago_text(at: datetime | None, now: datetime) -> str:
    """How long ago, or in how long; empty without an instant."""
    if at is None:
        return ""
    seconds = (now - at).total_seconds()
    return "now" if abs(seconds) < 1 else distance(seconds)  # a column is as wide as its longest text


def local_text(at: datetime | None) -> str:
    """An instant by the clock of this machine, to the second; empty without one."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""
