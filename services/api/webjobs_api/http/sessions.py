"""Sessions of browsers: the value of their cookie, its name and path, and where a login leads back; pure.

The value is `1.EXPIRES.SIGNATURE`. Its key is derived from name and password of a user, so that it holds
neither, needs no store, and ends when one of them changes.
"""

import base64
import hashlib
import hmac
import re

LIFETIME_SECONDS = 7 * 24 * 3600
COOKIE_PREFIX = "webjobs_session_"
"""Begins the cookie's name on every site; no job gets such a cookie, or sets one."""

_VERSION = "1"
_VALUE = re.compile(r"1\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")
_SCRYPT_COST = 2**14  # some 16 MiB and 50 ms: a cookie that leaks must not make passwords easy to guess
_SCRYPT_BLOCKS = 8
_NEXT = re.compile(
    r"/(?!/)[!-\[\]-~]*"
)  # printable ASCII without a backslash, which browsers read as a slash
_LONGEST_NEXT = 4000  # characters
_NO_DESTINATIONS = ("/login", "/logout")


class SessionSigner:
    """Signs the sessions of one user.

    Args:
        namespace: Of the installation.
        username: Of the user.
        password: Of the user.
    """

    def __init__(self, namespace: str, username: str, password: str) -> None:
        self._key = hashlib.scrypt(
            password.encode(),
            salt=f"webjobs session {_VERSION}\0{namespace}\0{username}".encode(),
            n=_SCRYPT_COST,
            r=_SCRYPT_BLOCKS,
            p=1,
            dklen=32,
        )

    def sign(self, now: float) -> str:
        """Returns the value of a session that begins now, in seconds since 1970."""
        begun = f"{_VERSION}.{int(now) + LIFETIME_SECONDS}"
        return f"{begun}.{self._signature(begun)}"

    def is_valid(self, value: str, now: float) -> bool:
        """Returns whether a value is a session of this user that has not expired."""
        match = _VALUE.fullmatch(value)
        if match is None:
            return False
        signature = self._signature(value.rpartition(".")[0])
        return hmac.compare_digest(signature, match[2]) and now < int(match[1])

    def _signature(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def cookie_name(namespace: str, host: str, prefix: str) -> str:
    """Returns the cookie's name, which differs between sites on one host.

    A browser sends the cookies of a host to all its ports, and those of a path to all paths below it.

    Args:
        namespace: Of the installation.
        host: As clients know it, with its port.
        prefix: Path that a proxy takes off, or empty.
    """
    site = "\n".join((namespace, host.lower(), prefix))
    return f"{COOKIE_PREFIX}{hashlib.sha256(site.encode()).hexdigest()[:12]}"


def cookie_path(prefix: str) -> str:
    """Returns the cookie's path: the prefix, or what is before a semicolon, which would end the path."""
    path, semicolon, _ = prefix.partition(";")
    return (path.rpartition("/")[0] if semicolon else path) or "/"


def next_path(text: str) -> str:
    """Returns the path to show after a login: the given one if it leads to this site, else `/`.

    Args:
        text: A path with its query, without the prefix of a proxy, as a client may have made it up.
    """
    is_local = len(text) <= _LONGEST_NEXT and _NEXT.fullmatch(text) is not None
    path = re.split("[?#]", text, maxsplit=1)[0].rstrip("/").lower()
    return text if is_local and path not in _NO_DESTINATIONS else "/"
