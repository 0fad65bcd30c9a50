"""Whether Postgres has found its own data damaged, or tables are missing: what a rebuild repairs."""

from collections.abc import Mapping

from webjobs_history.database import describe, sqlstate_of

_DAMAGED: Mapping[str, str] = {
    "XX000": "internal error",
    "XX001": "data corrupted",
    "XX002": "index corrupted",
    "58P01": "undefined file",
    "58030": "I/O error",
}
"""By SQLSTATE. Damage of this kind stays, though the next query may miss the damaged pages."""

_INCOMPLETE: Mapping[str, str] = {
    "3D000": "no such database",
    "42P01": "no such table",
    "42P07": "table exists already",
    "42703": "no such column",
}
"""By SQLSTATE. Every query fails until it is repaired."""

_HINT = "`webjobs repair history` rebuilds it from the events."


class Damage:
    """What was found so far; shared by all who use the database."""

    def __init__(self) -> None:
        self.reason = ""
        """A sentence about the damage found; empty when there is none."""

    def record(self, error: BaseException) -> str:
        """Look at an error of Postgres; returns it in words, with what to do when it means damage."""
        found, state = describe(error), sqlstate_of(error)
        if state not in _DAMAGED and state not in _INCOMPLETE:
            return found
        text = f"The database of history is damaged or incomplete: {found.rstrip('.')}. {_HINT}"
        if state in _DAMAGED:
            self.reason = text
        return text

    def resolved(self) -> None:
        """The tables were created again."""
        self.reason = ""
