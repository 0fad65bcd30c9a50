"""`webjobs events`: what has happened, and what happens."""

import queue
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click
from webjobs_client import Event

from webjobs_cli.connection import connect
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.shapes.events import EventShown
from webjobs_cli.table import printable
from webjobs_cli.times import local_text

_FIRST_SECONDS = 5.0  # without -f: how long the first event may take
_QUIET_SECONDS = 1.0  # without -f: after which nothing more is expected
_FILTERS = ("type", "job", "event")


@click.command(cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only events with it: type=triggered, job=hello, event=Failed; may be repeated.",
)
@click.option(
    "--from", "start", metavar="first|now|SEQUENCE", help="Where to begin. Default: now with -f, else first."
)
@server_options
@json_option
def events(follow: bool, filters: tuple[str, ...], start: str | None) -> None:
    """Print events, one on a line; docs/events.md describes them.

    Without -f it ends when no further event comes for a second.
    """
    output = invocation().output
    output.check_fields(EventShown)
    begin = start or ("now" if follow else "first")
    after = int(begin) if begin.isascii() and begin.isdigit() else None
    if after is None and begin not in ("first", "now"):
        raise CommandError(
            "invalid_use", f"--from {begin!r} is none of first, now and a sequence.", exit_code=2
        )
    query = _query(filters)
    client = connect()
    found = client.events(
        job_type=query["type"],
        job=query["job"],
        event=query["event"],
        after=after,
        from_first=begin == "first",
    )
    for event in found if follow else _until_quiet(found):
        shown = _shown(event)
        output.streamed(shown, _line(shown))


def _query(filters: tuple[str, ...]) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {name: [] for name in _FILTERS}
    for each in filters:
        key, equals, value = each.partition("=")
        if key not in query or not (equals and value):
            raise CommandError(
                "invalid_use",
                f"--filter {each!r} is none of type=, job= and event=.",
                "Write it as job=hello.",
                exit_code=2,
            )
        query[key].append(value)
    return query


def _until_quiet(events: Iterator[Event]) -> Iterator[Event]:
    found: queue.SimpleQueue[Event | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            for event in events:
                found.put(event)
        except Exception as error:
            found.put(error)

    threading.Thread(target=read, name="reader", daemon=True).start()
    seconds = _FIRST_SECONDS
    while True:
        try:
            item = found.get(timeout=seconds)
        except queue.Empty:
            return
        if isinstance(item, Exception):
            raise item
        yield item
        seconds = _QUIET_SECONDS


def _shown(event: Event) -> EventShown:
    at = event.cloud_event.get("time")
    subject = event.cloud_event.get("subject")
    return EventShown(
        sequence=event.sequence,
        event=event.name,
        at=datetime.fromisoformat(at) if isinstance(at, str) else None,
        subject=subject if isinstance(subject, str) else None,
        data=dict(event.data),
    )


def _line(event: EventShown) -> str:
    words = [
        f"{name}={value}"
        for name in ("exit_code", "reason", "evidence")
        if (value := _fact(event.data, name))
    ]
    text = f"{local_text(event.at):<19}  {event.event:<16} {event.subject or ''}"
    return printable(" ".join([text, *words]))


def _fact(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)
