"""How `webjobs up` looks with WEBJOBS_LOG_FORMAT=json: each line is a JSON object with a `service`."""

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

UP = "webjobs"
"""The service of the lines that `webjobs up` itself writes."""

_TRACEBACK = "Traceback (most recent call last):"
_GROUP = "  + Exception Group Traceback"
_LONGEST_TRACEBACK = 1000  # lines

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def is_json(environment: Mapping[str, str]) -> bool:
    """Whether the caller wants JSON."""
    return environment.get("WEBJOBS_LOG_FORMAT") == "json"


def json_line(service: str, message: str, *, level: str = "info", **facts: object) -> str:
    """A line without its end, in the form of the services' lines; pure ASCII."""
    timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {**facts, "service": service, "level": level, "timestamp": timestamp, "message": message}
    )


class PartLines:
    """Turns what one part writes into JSON lines; a traceback becomes one of them.

    Args:
        part: Its name on the terminal. The lines of `runner-2` have the service `runner`.
    """

    def __init__(self, part: str) -> None:
        self._service = part.partition("-")[0]
        self._facts = {} if part == self._service else {"part": part}
        self._traceback: list[str] = []

    def take(self, line: str) -> Iterator[str]:
        """The JSON lines that are complete with this line, without their ends."""
        if self._traceback:
            yield from self._go_on(line)
        elif line.startswith((_TRACEBACK, _GROUP)):
            self._traceback = [line]
        elif line.strip():
            yield self._named(line)

    def rest(self) -> Iterator[str]:
        """A traceback that has no end."""
        if self._traceback:
            exception, self._traceback = "\n".join(self._traceback), []
            last = exception.rstrip().rpartition("\n")[2].strip()
            yield json_line(self._service, last, level="error", exception=exception, **self._facts)

    def _go_on(self, line: str) -> Iterator[str]:
        """A line after the beginning of a traceback, which ends with the first line that is not indented."""
        is_indented = not line.strip() or line.startswith(" ")
        if is_indented and len(self._traceback) < _LONGEST_TRACEBACK:
            self._traceback.append(line)
        elif self._traceback[0].startswith(_GROUP) or line.startswith("{"):  # this line is another one
            yield from self.rest()
            yield from self.take(line)
        else:
            self._traceback.append(line)
            yield from self.rest()

    def _named(self, line: str) -> str:
        """The line itself if it is an object that names its service; one that does not gets it."""
        try:
            found = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return json_line(self._service, line, **self._facts)
        if not self._facts and bytes(found.get("service", b"")) == _encoder.encode(self._service):
            return line
        return _encoder.encode({**found, "service": self._service, **self._facts}).decode()


class JsonLines:
    """Writes what the stack announces as JSON lines."""

    def __init__(self, output: TextIO | None = None) -> None:
        """Write to the standard output by default."""
        self._output = output or sys.stdout
        if isinstance(self._output, io.TextIOWrapper):
            self._output.reconfigure(encoding="utf-8")
        self._parts: dict[str, PartLines] = {}
        self._is_read = True

    def starting(self, name: str, why: str) -> None:
        """A part takes some time to start."""
        self._progress("part is starting", name, reason=why)

    def ready(self, name: str, seconds: float, address: str) -> None:
        """A part can be used."""
        self._progress("part is ready", name, seconds=round(seconds, 3), address=address)

    def unready(self, name: str, seconds: float, why: str) -> None:
        """A part runs and waits for another."""
        self._progress("part is not ready", name, level="warning", seconds=round(seconds, 3), reason=why)

    def uses(self, name: str, address: str) -> None:
        """An external server is used."""
        self._progress("server given by the environment is used", name, address=address)

    def died(self, name: str, how: str, restart_in_seconds: float) -> None:
        """A part is started again."""
        self._flush(name)
        self._progress(
            "part has ended and is started again",
            name,
            level="error",
            reason=how,
            restart_in_seconds=restart_in_seconds,
        )

    def stopped(self, name: str, seconds: float) -> None:
        """A part ended as asked."""
        self._flush(name)
        self._progress("part is stopped", name, seconds=round(seconds, 3))

    def waiting_for_a_killed_stack(self, folder: Path) -> None:
        """An earlier stack's processes are still ending."""
        self._write(json_line(UP, "waiting for the processes of a killed stack", folder=str(folder)))

    def output(self, name: str, line: str) -> None:
        """A service's line."""
        for each in self._part(name).take(line):
            self._write(each)

    def welcome(self, url: str, jobs: Path, login: bool, missing: Sequence[str] = ()) -> None:
        """Jobs can run: where, and which parts are missing."""
        message = f"webjobs is ready: {url}"
        self._write(json_line(UP, message, url=url, jobs=str(jobs), login=login, missing=list(missing)))

    def stopping(self) -> None:
        """The first signal came."""
        self._write(json_line(UP, "stopping"))

    def close(self) -> None:
        """Nothing more will be announced."""
        for name in self._parts:
            self._flush(name)

    def _part(self, name: str) -> PartLines:
        return self._parts.setdefault(name, PartLines(name))

    def _flush(self, name: str) -> None:
        for each in self._part(name).rest():
            self._write(each)

    def _progress(self, message: str, part: str, *, level: str = "info", **facts: object) -> None:
        self._write(json_line(UP, message, level=level, part=part, **facts))

    def _write(self, line: str) -> None:
        if not self._is_read:
            return
        try:
            self._output.write(f"{line}\n")
            self._output.flush()
        except OSError:
            # No reader is left; the services go on.
            self._is_read = False
