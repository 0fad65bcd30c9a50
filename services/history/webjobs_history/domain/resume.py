"""Where the projection goes on in the stream of events, and what that says about lost events: pure rules."""

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a stream of events.

    Attributes:
        stream: Name of the stream.
        created_at: Distinguishes that stream from another one of its name.
        sequence: Of the last event before the place.
    """

    stream: str
    created_at: str
    sequence: int


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """The stream of events as it is now.

    Attributes:
        name: Of the stream.
        created_at: When it was made.
        first: Sequence of its first event; one more than `last` when it is empty.
        last: Sequence of its last event.
        rewritten_from: First event that it took after the last projected one, if its sequence is not above
            that one's: the stream had lost its end then, and gave sequences again. None otherwise.
    """

    name: str
    created_at: str
    first: int
    last: int
    rewritten_from: int | None = None


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        sequence: The projection goes on after this event.
        loss: What was lost, as a sentence; empty when nothing was.
    """

    sequence: int
    loss: str = ""


def resume(known: Place, stream: Stream) -> Resume:
    """Decide where to go on. Rows are never given up for that: a loss can only be reported."""
    before_first = stream.first - 1
    if (known.stream, known.created_at) != (stream.name, stream.created_at):
        return Resume(
            sequence=before_first,
            loss=(
                f"The stream {stream.name} is another one than that of before: it was made at "
                f"{stream.created_at}. The rows of events up to {known.sequence} of {known.stream}, made at "
                f"{known.created_at}, are kept; they cannot be rebuilt."
            ),
        )
    if stream.rewritten_from is not None and stream.rewritten_from <= known.sequence:
        return Resume(
            sequence=stream.rewritten_from - 1,
            loss=(
                f"The stream {stream.name} lost its events {stream.rewritten_from} to {known.sequence}, and "
                "gave their sequences to others. Their rows are kept; they cannot be rebuilt."
            ),
        )
    if stream.last < known.sequence:
        return Resume(
            sequence=stream.last,
            loss=(
                f"The stream {stream.name} lost its events {stream.last + 1} to {known.sequence}. Their rows "
                "are kept; they cannot be rebuilt."
            ),
        )
    if before_first > known.sequence:
        return Resume(
            sequence=before_first,
            loss=(
                f"The events {known.sequence + 1} to {before_first} of {stream.name} were removed before "
                "they were projected."
            ),
        )
    return Resume(sequence=known.sequence)
