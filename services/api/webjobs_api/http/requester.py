"""Who asked: the user of a request, as a login or a session names it."""

from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web


class Role(StrEnum):
    """What a user may do."""

    ADMIN = "admin"
    """Everything."""
    VIEWER = "viewer"
    """See everything but secrets, and change nothing."""


@dataclass(frozen=True, slots=True)
class Requester:
    """The user of a request.

    Attributes:
        name: None when the api needs no login.
        role: What the user may do.
        has_session: Whether a cookie names the user, which a browser also sends for pages of others.
    """

    name: str | None = None
    role: Role = Role.ADMIN
    has_session: bool = False

    @property
    def is_viewer(self) -> bool:
        """Whether the user may change nothing and see no secrets."""
        return self.role is Role.VIEWER


UNNAMED = Requester()
"""Who asks where the api needs no login."""

REQUESTER = web.RequestKey("requester", Requester)
