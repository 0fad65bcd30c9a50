"""Where the projection goes on: it never gives up rows, and says what the stream has lost."""

import pytest
from webjobs_history.domain.resume import Place, Resume, Stream, resume

MADE = "2026-11-22T09:00:00+00:00"


def known(sequence: int, *, stream: str = "EVENTS", created_at: str = MADE) -> Place:
    return Place(stream=stream, created_at=created_at, sequence=sequence)


def stream(first: int, last: int, *, created_at: str = MADE, rewritten_from: int | None = None) -> Stream:
    return Stream(name="EVENTS", created_at=created_at, first=first, last=last, rewritten_from=rewritten_from)


@pytest.mark.parametrize(
    ("place", "now"),
    [
        (known(0), stream(1, 0)),
        (known(0), stream(1, 9)),
        (known(9), stream(1, 9)),
        (known(5), stream(1, 9)),
        (known(5), stream(6, 9)),
        (known(9), stream(10, 9)),  # all of it is projected, and its limits took it then
        (known(5), stream(1, 9, rewritten_from=6)),
    ],
)
def test_a_stream_that_is_whole_is_followed_from_where_it_was(place: Place, now: Stream) -> None:
    assert resume(place, now) == Resume(sequence=place.sequence)


@pytest.mark.parametrize(
    ("place", "now", "sequence", "words"),
    [
        (known(9), stream(1, 3, created_at="later"), 0, "another one"),
        (known(3), stream(1, 9, created_at="later"), 0, "another one"),
        (known(9), stream(1_000_009, 1_000_012, created_at="later"), 1_000_008, "another one"),
        (known(9, stream="OTHER"), stream(1, 9), 0, "another one"),
        (known(9), stream(1, 6), 6, "lost its events 7 to 9"),
        (known(9), stream(1, 0), 0, "lost its events 1 to 9"),
        (known(9), stream(1, 12, rewritten_from=7), 6, "lost its events 7 to 9"),
        (known(9), stream(1, 9, rewritten_from=9), 8, "lost its events 9 to 9"),
        (known(3), stream(9, 12), 8, "events 4 to 8"),
    ],
)
def test_what_was_lost_is_said_and_all_that_is_new_is_projected(
    place: Place, now: Stream, sequence: int, words: str
) -> None:
    found = resume(place, now)
    assert found.sequence == sequence and words in found.loss
