"""When the log of a continuous job notes that its script still runs."""

from datetime import timedelta

FIRST = timedelta(hours=1)
EVERY = timedelta(hours=12)


def next_notice_at(age: timedelta) -> timedelta:
    """Returns the age at which the next notice is due, for a script of this age.

    Source: Kudu, ContinuousJobRunner.cs (after an hour, then every twelve).
    """
    if age < FIRST:
        return FIRST
    return FIRST + EVERY * ((age - FIRST) // EVERY + 1)
