"""What commands print with `--json`, and which command prints which. Fields are only ever added."""

from typing import Literal, NamedTuple

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


class Printed(NamedTuple):
    """What a command prints with `--json`."""

    form: Literal["array", "object", "stream"]
    """`stream`: an object on each line."""
    type: type[msgspec.Struct]


PRINTED: dict[str, Printed] = {
    "context list": Printed("array", ContextRow),
    "context show": Printed("object", TargetShown),
}
