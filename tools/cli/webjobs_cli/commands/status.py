"""`webjobs status`: the parts of webjobs, and whether they can work."""

import re
from collections.abc import Iterator

import click
from webjobs_client import Client

from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.shapes import Part, StatusShown
from webjobs_cli.table import Column, painted, printable, table_lines
from webjobs_cli.times import bytes_text

_SAMPLE = re.compile(r"(webjobs_[a-z0-9_]+)\{([^}]*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_UP = "webjobs_up"
_FACTS = {
    "webjobs_runner_disk_free_bytes": "disk_free_bytes",
    "webjobs_runner_disk_reserve_bytes": "disk_reserve_bytes",
    "webjobs_runner_slots_in_use": "slots_in_use",
    "webjobs_runner_continuous_jobs": "continuous_jobs",
    "webjobs_runner_events_waiting": "events_waiting",
    "webjobs_history_lag": "lag_events",
}
"""The metrics that are shown of a part, and their names here."""


@click.command(cls=Command)
@server_options
@json_option
def status() -> None:
    """Show the parts of webjobs: whether they can work, how far behind they are, their disks.

    The exit code is 1 when a part is away.
    """
    output = invocation().output
    output.check_fields(StatusShown)
    client = connect()
    health = client.health()
    shown = StatusShown(
        url=client.url,
        status=health.status,
        version=health.version,
        problems=dict(health.missing),
        notes=dict(health.notes),
        parts=parts_of(client.request("GET", "/metrics").body.decode()),
        counts=_counts(client) if health.is_ready else {},
    )
    output.one(shown, _lines(shown, output.colours))
    if not health.is_ready:
        click.get_current_context().exit(1)


def parts_of(metrics: str) -> list[Part]:
    """The services that the text of /metrics describes."""
    up: dict[tuple[str, str], bool] = {}
    facts: dict[tuple[str, str], dict[str, float]] = {}
    for name, given, value in _SAMPLE.findall(metrics):
        labels = dict(_LABEL.findall(given))
        key = (labels.get("service", ""), labels.get("instance", ""))
        if name == _UP:
            up[key] = float(value) == 1
        elif name in _FACTS:
            facts.setdefault(key, {})[_FACTS[name]] = float(value)
    return [
        Part(service, instance, up[service, instance], facts.get((service, instance), {}))
        for service, instance in sorted(up)
    ]


def _counts(client: Client) -> dict[str, int]:
    return dict(client.overview(limit=1).counts)


def _lines(shown: StatusShown, colours: bool) -> Iterator[str]:
    version = f" {shown.version}" if shown.version else ""
    word = painted(shown.status, "green" if shown.status == "ready" else "red") if colours else shown.status
    yield f"webjobs{version} at {shown.url}: {word}"
    for name, reason in shown.problems.items():
        yield f"  {name}: {printable(reason)}"
    for name, note in shown.notes.items():
        yield f"  note on {name}: {printable(note)}"
    if shown.counts:
        yield ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in shown.counts.items())
    columns: list[Column[Part]] = [
        Column("PART", lambda part: part.name),
        Column("INSTANCE", lambda part: part.instance),
        Column("", lambda part: "up" if part.up else "away", lambda part: "green" if part.up else "red"),
        Column("FACTS", lambda part: ", ".join(_fact(*fact) for fact in part.facts.items())),
    ]
    yield from table_lines(shown.parts, columns, colours=colours, width=None)


def _fact(name: str, value: float) -> str:
    words = name.removesuffix("_bytes").replace("_", " ")
    return f"{words} {bytes_text(value)}" if name.endswith("_bytes") else f"{words} {value:g}"
