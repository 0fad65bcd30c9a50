"""Run ids: the instant a run was asked for, written so that ids sort by time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, NewType

import msgspec

from webjobs_rules.errors import InvalidRunId

RunId = NewType("RunId", str)

SentRunId = Annotated[RunId, msgspec.Meta(pattern=r"^[0-9]{18}(?!\n)$")]
"""In a message: with another text it is not decoded, for a run id becomes part of paths and subjects."""

RESOLUTION = timedelta(microseconds=100)


def run_id_at(instant: datetime) -> RunId:
    """The run id of an instant: UTC `yyyyMMddHHmmssffff`, 18 digits, to a tenth of a millisecond.

    Source: docs/compatibility.md#run-ids.
    """
    utc = instant.astimezone(UTC)
    return RunId(f"{utc.year:04d}{utc:%m%d%H%M%S}{utc.microsecond // 100:04d}")


def parse_run_id(text: str) -> RunId:
    """A run id from what a person wrote.

    Raises:
        InvalidRunId: It is not 18 digits that name an instant.
    """
    instant_of(text)
    return RunId(text)


def instant_of(text: str) -> datetime:
    """The instant a run id was minted at, UTC, to a tenth of a millisecond.

    Raises:
        InvalidRunId: It is not 18 digits that name an instant.
    """
    if len(text) != 18 or not (text.isascii() and text.isdigit()):
        raise InvalidRunId(text)
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:14])
    try:
        return datetime(year, month, day, hour, minute, second, int(text[14:]) * 100, tzinfo=UTC)
    except ValueError as error:
        raise InvalidRunId(text) from error


class RunIdMint:
    """Gives run ids that never repeat within this process, even when the clock stands or steps back.

    Whole seconds are left to runs that a schedule asks for: their ids are their due times.
    """

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def next(self, now: datetime) -> RunId:
        """The id of `now`, or of the first free tenth of a millisecond after the last id given."""
        instant = now.replace(microsecond=now.microsecond // 100 * 100)
        self._last = max(instant, self._last + RESOLUTION) if self._last.year > 1 else instant
        if self._last.microsecond == 0:
            self._last += RESOLUTION
        return run_id_at(self._last)
