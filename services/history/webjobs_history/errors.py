"""The errors of history that a caller inside it acts on."""

from webjobs_rules.errors import WebJobsError


class PositionMoved(WebJobsError):
    """The projection's position was changed elsewhere: a rebuild was requested, or the lock was lost."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        super().__init__(
            f"The projection is no longer at event {expected}; projecting goes on from where it is."
        )


class StreamReplaced(WebJobsError):
    """The stream is not the one the rows were folded from."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"The stream {stream} was created again or lost its end.")


class DatabaseTooNew(WebJobsError):
    """The tables are of a release that this one does not know."""

    def __init__(self, found: str, known: str) -> None:
        self.found = found
        self.known = known
        super().__init__(
            f"The database has version {found} of the tables, and this release knows versions up to {known}: "
            "a newer release of webjobs has used it. Run that release or a later one, or name another "
            "database in WEBJOBS_DATABASE_URL; history is rebuilt there from the events."
        )


class RebuildRefused(WebJobsError):
    """A rebuild would delete what it cannot bring back."""

    def __init__(self, reason: str, option: str) -> None:
        self.reason = reason
        self.option = option
        super().__init__(f"{reason} A rebuild deletes that from history; {option} does it all the same.")


class ConnectionLost(WebJobsError):
    """Postgres closed the connection that holds the projector's lock."""

    def __init__(self) -> None:
        super().__init__("Postgres closed the projector's connection; it is opened again.")
