"""What `context` prints with `--json`."""

import msgspec


class ContextRow(msgspec.Struct, frozen=True):
    """A context of `context list` and `context show`; passwords are never shown."""

    name: str
    url: str
    username: str
    password: str
    """How the password is had: `env:NAME`, `command:WORDS`, `stored`, `netrc`."""
    current: bool


class TargetShown(msgspec.Struct, frozen=True):
    """The server that commands speak to now, and what named it: `context show`."""

    url: str
    username: str | None
    source: str
