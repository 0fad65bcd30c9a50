"""The errors of history that a caller inside it acts on."""

from webjobs_events.errors import WebJobsError


class PositionMoved(WebJobsError):
    """Somebody else changed the projection's position: a rebuild was asked for, or the lock was lost."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        super().__init__(
            f"The projection is no longer at event {expected}; projecting goes on from where it is."
        )


class StreamReplaced(WebJobsError):
    """The stream is not the one the rows were folded from."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"The stream {stream} was made anew or lost its end; the projection starts over.")


class ConnectionEnded(WebJobsError):
    """Postgres closed the connection that holds the projector's lock."""

    def __init__(self) -> None:
        super().__init__("Postgres closed the projector's connection; it is opened anew.")
