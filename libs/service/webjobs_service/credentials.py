"""Addresses with a user and a password in them: refused or shown without a word of either."""

from urllib.parse import urlsplit, urlunsplit

_HIDDEN = "(hidden)"


def refuse_unescaped_credentials(url: str) -> None:
    """Fail for a user or password with a character that ends them: a part would pass for host or path.

    Raises:
        ValueError: Without a part of the URL in it.
    """
    parts = urlsplit(url.strip())
    rest = parts.path + parts.fragment + ("" if "@" in parts.netloc else parts.query)
    if "@" in rest:
        raise ValueError("in a user or password write / as %2F, ? as %3F, # as %23 and @ as %40")


def refuse_bad_port(url: str) -> None:
    """Fail for a port that is none.

    Raises:
        ValueError: Without the port in it, which may be a part of a password.
    """
    try:
        _ = urlsplit(url.strip()).port
    except ValueError:
        raise ValueError("the port is not a number from 0 to 65535") from None


def without_credentials(url: str) -> str:
    """A URL, or several comma-separated, as it may be logged: user and password are left out."""
    return ",".join(_without_credentials(part.strip()) for part in url.split(","))


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:  # a part of a password with a comma, perhaps
        return _HIDDEN
    # Up to the last @, wherever it is: a password may hold characters that should have been escaped.
    address = f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return f"{scheme}://{_HIDDEN}"
    return urlunsplit(parts._replace(query="", fragment=""))
