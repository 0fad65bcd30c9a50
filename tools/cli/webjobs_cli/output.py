"""How a command prints: JSON for programs, tables and lines for people."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO, TypeVar

import msgspec

from webjobs_cli.errors import CommandError
from webjobs_cli.table import Column, table_lines

R = TypeVar("R", bound=msgspec.Struct)


class Output:
    """The standard output of one command.

    Args:
        json_fields: What `--json` names: an empty text for all fields; None prints for people.
        stream: Where to print.
    """

    def __init__(self, json_fields: str | None = None, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.is_json = json_fields is not None
        self._fields = [name.strip() for name in (json_fields or "").split(",") if name.strip()]
        self.is_terminal = self._stream.isatty()
        self.colours = not self.is_json and has_colours(self._stream, os.environ)

    def check_fields(self, shape: type[msgspec.Struct]) -> None:
        """Refuse fields of `--json` that the shape does not have, before anything is done.

        Raises:
            CommandError: It has no such field.
        """
        known = shape.__struct_encode_fields__
        for name in self._fields:
            if name not in known:
                raise CommandError(
                    "unknown_field",
                    f"--json has no field {name!r}.",
                    f"Choose from: {', '.join(known)}.",
                    exit_code=2,
                )

    def rows(self, shape: type[R], rows: Sequence[R], columns: Sequence[Column[R]], none: str = "") -> None:
        """Print a list: an array, or a table; `none` is the line for people when it is empty."""
        self.check_fields(shape)
        if self.is_json:
            self._json([self._selected(row) for row in rows])
        elif rows:
            width = terminal_width() if self.is_terminal else None
            self.lines(table_lines(rows, columns, colours=self.colours, width=width))
        elif none:
            print(none, file=sys.stderr)

    def one(self, value: msgspec.Struct, lines: Iterable[str]) -> None:
        """Print one thing: an object, or these lines."""
        self.check_fields(type(value))
        if self.is_json:
            self._json(self._selected(value))
        else:
            self.lines(lines)

    def streamed(self, value: msgspec.Struct, line: str) -> None:
        """Print one thing of many as it comes: an object on a line, or this line."""
        if self.is_json:
            line = msgspec.json.encode(self._selected(value)).decode()
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines for people, by the pager if there are more than the terminal shows."""
        listed = list(lines)
        pager = os.environ.get("PAGER", "") if self.is_terminal and sys.stdin.isatty() else ""
        if pager and len(listed) >= terminal_height():
            from webjobs_cli.pager import page

            page(pager, listed)
        else:
            self._stream.write("".join(f"{line}\n" for line in listed))
            self._stream.flush()

    def note(self, text: str) -> None:
        """Print a line for people beside what the command prints; nothing with `--json`."""
        if not self.is_json:
            print(text, file=sys.stderr, flush=True)

    def _selected(self, value: msgspec.Struct) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(value)
        return {name: built.get(name) for name in self._fields} if self._fields else built

    def _json(self, built: object) -> None:
        text = msgspec.json.encode(built)
        if self.is_terminal:
            text = msgspec.json.format(text, indent=2)
        self._stream.write(f"{text.decode()}\n")
        self._stream.flush()


def has_colours(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR or FORCE_COLOR decide, as for `webjobs up`."""
    if environment.get("NO_COLOR"):
        return False
    forced = environment.get("FORCE_COLOR")
    if forced:
        return forced != "0"
    return stream.isatty() and environment.get("TERM") != "dumb"


def terminal_width() -> int:
    """Cells of a line of the terminal."""
    return _terminal().columns


def terminal_height() -> int:
    """Lines of the terminal."""
    return _terminal().lines


def _terminal() -> os.terminal_size:
    from shutil import get_terminal_size

    return get_terminal_size((80, 24))
