"""The users of the api: their names and passwords, and the sessions of their browsers."""

import base64
import binascii
import hmac
import time
from dataclasses import dataclass, field, replace

from aiohttp import web

from webjobs_api.http.failed_logins import FailedLogins
from webjobs_api.http.http_settings import HttpSettings
from webjobs_api.http.requester import Requester, Role
from webjobs_api.http.sessions import SessionSigner


@dataclass(frozen=True, slots=True)
class Login:
    """One user, with what proves it.

    Attributes:
        requester: The user.
        credentials: `name:password`.
        signer: Of the user's sessions.
    """

    requester: Requester
    credentials: bytes = field(repr=False)
    signer: SessionSigner = field(repr=False)


class Logins:
    """Knows users by HTTP Basic, by the login form and by session, and slows down who tries passwords."""

    def __init__(self, settings: HttpSettings) -> None:
        self._failed = FailedLogins()
        self._logins = _logins(settings)

    @property
    def are_needed(self) -> bool:
        """Whether the api serves only who has a login."""
        return bool(self._logins)

    async def with_password(self, peer: str, credentials: bytes | None) -> Login:
        """Returns the login that has these credentials.

        Args:
            peer: Address of the client.
            credentials: `name:password`; None: something that cannot be any.

        Raises:
            CredentialsWanted: No login has them, and the delay is over.
            TooManyWrongPasswords: Too many requests of this address are being delayed.
        """
        login = self._found(credentials)
        await self._failed.check(peer, lambda: login is not None)
        assert login is not None
        return login

    def of_session(self, value: str) -> Requester | None:
        """Returns the user whose session this value of a cookie is; None when it is no valid one."""
        now = time.time()
        for login in self._logins:
            if login.signer.is_valid(value, now):
                return replace(login.requester, has_session=True)
        return None

    def _found(self, credentials: bytes | None) -> Login | None:
        """Compares with every login, in constant time."""
        if credentials is None:
            return None
        equal = [login for login in self._logins if hmac.compare_digest(credentials, login.credentials)]
        return equal[0] if equal else None


def basic_credentials(authorization: str) -> bytes | None:
    """Returns the `name:password` in an Authorization header; None when it holds none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def _logins(settings: HttpSettings) -> list[Login]:
    users = (
        (settings.username, settings.password, Role.ADMIN),
        (settings.viewer_username, settings.viewer_password, Role.VIEWER),
    )
    return [
        _login(settings.namespace, username, password.get_secret_value(), role)
        for username, password, role in users
        if username is not None and password is not None
    ]


def _login(namespace: str, username: str, password: str, role: Role) -> Login:
    return Login(
        Requester(username, role),
        f"{username}:{password}".encode(),
        SessionSigner(namespace, username, password),
    )


LOGINS = web.AppKey("logins", Logins)
