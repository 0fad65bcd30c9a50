"""Who may not ask, and from where."""

from collections.abc import Mapping
from typing import ClassVar

from webjobs_rules.errors import WebJobsError


class CredentialsWanted(WebJobsError):
    """The request has no credentials, or wrong ones."""

    http_status = 401
    http_headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Basic realm="webjobs", charset="UTF-8"'}

    def __init__(self) -> None:
        super().__init__("Send the name and password of this webjobs by HTTP Basic.")


class SessionWanted(WebJobsError):
    """A script of a page has no session, or one that has expired; no dialog of the browser must open."""

    http_status = 401

    def __init__(self) -> None:
        super().__init__("You are not signed in, or no longer. Sign in at /login, then try again.")


class InvalidLoginForm(WebJobsError):
    """The body of a login is not the form of the login page."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The login form cannot be read: {reason}. Send username and password once each as "
            "application/x-www-form-urlencoded, with next if you like."
        )


class TooManyWrongPasswords(WebJobsError):
    """So many wrong credentials came from this address that no more are compared for a moment."""

    http_status = 429

    def __init__(self) -> None:
        super().__init__("Too many wrong passwords came from this address. Try again in a few seconds.")


class InvalidHost(WebJobsError):
    """A Host header that no host can have."""

    http_status = 400

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"{host[:100]!r} is not a host. Send the name or address of this server as Host.")


class ForeignHost(WebJobsError):
    """Without credentials only those are served who call this machine by a name of its own."""

    http_status = 403

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"The host {host[:100]!r} is not served without credentials. Use localhost, or set "
            "WEBJOBS_USERNAME and WEBJOBS_PASSWORD."
        )


class ForeignOrigin(WebJobsError):
    """A page of another site asks a browser to change something here."""

    http_status = 403

    def __init__(self, origin: str) -> None:
        self.origin = origin
        super().__init__(
            f"A page of {origin[:100]!r} may not change anything here. To allow it, name its origin in "
            "WEBJOBS_CORS_ORIGINS."
        )


class ViewerRefused(WebJobsError):
    """A viewer asks for a change, or for something that may hold secrets."""

    http_status = 403

    def __init__(self, name: str | None, why: str) -> None:
        self.name = name
        super().__init__(
            f"The user {(name or '')[:100]!r} is a viewer: {why}. Sign in as the user that "
            "WEBJOBS_USERNAME names."
        )


class SiteUnknown(WebJobsError):
    """A browser's session asks for a change, and it is unknown which page did."""

    http_status = 403

    def __init__(self) -> None:
        super().__init__(
            "A change with a session cookie needs the header Origin or Sec-Fetch-Site, which browsers send. "
            "Programs send name and password by HTTP Basic instead."
        )
