"""What every event has in common: when, who wrote it, and an id that makes a repeat harmless."""

import msgspec

from webjobs_events.instant import Instant
from webjobs_events.subjects import Subjects


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What every event tells: when, and which runner wrote it.

    Attributes:
        at: When it happened, UTC.
        instance: Id of the runner that wrote it.
    """

    at: Instant
    instance: str

    @property
    def name(self) -> str:
        """The event's name, a stable string: the last token of its subject."""
        return str(type(self).__struct_config__.tag)

    @property
    def kind(self) -> str:
        """`triggered`, `continuous` or `instance`."""
        raise NotImplementedError

    @property
    def event_id(self) -> str:
        """Derived from what happened, so that a repeat has the same id."""
        raise NotImplementedError

    @property
    def about(self) -> str:
        """`<type>/<job>[/<run id>]` or `instance/<id>`, names encoded as tokens."""
        raise NotImplementedError

    def subject(self, subjects: Subjects) -> str:
        """The subject it is published on."""
        raise NotImplementedError
