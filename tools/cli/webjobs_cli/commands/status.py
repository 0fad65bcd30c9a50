"""`webjobs status`: the parts of webjobs, and whether they can work."""

from collections.abc import Iterator

import click
from webjobs_client import Client
from webjobs_client.models import Runner, System
from webjobs_rules.amounts import size

from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.shapes.status import Part, StatusShown
from webjobs_cli.table import Column, in_one_line, painted, table_lines


@click.command(cls=Command)
@server_options
@json_option
def status() -> None:
    """Show the parts of webjobs: releases, problems, lags and disks.

    The exit code is 1 when a part is away.
    """
    output = invocation().output
    output.check_fields(StatusShown)
    client = connect()
    health = client.health()
    system = client.system()
    shown = StatusShown(
        url=client.url,
        status=health.status,
        version=health.version,
        problems={**system.problems, **health.missing},
        notes=dict(health.notes),
        parts=parts_of(system),
        counts=_counts(client) if health.is_ready else {},
        warnings=system.warnings,
    )
    output.one(shown, _lines(shown, output.colours))
    if not health.is_ready:
        click.get_current_context().exit(1)


def parts_of(system: System) -> list[Part]:
    """The services and NATS, each with what is known of it."""
    streams = [each for each in system.streams if each.bytes is not None]
    stored = {"streams_bytes": sum(each.bytes or 0 for each in streams)} if streams else {}
    queue = _known(runs_waiting=system.queue.waiting, runs_begun=system.queue.begun)
    return [
        Part("api", system.host, True, {}, system.version),
        *(
            Part("history", each.instance, each.up, _known(lag_events=each.lag_events), each.version)
            for each in system.histories
        ),
        Part("nats", "", "nats" not in system.problems, queue | stored),
        *(Part("runner", each.id, each.up, _facts(each), each.version) for each in system.runners),
    ]


def _facts(runner: Runner) -> dict[str, float]:
    disk = runner.disk
    return _known(
        slots=runner.slots,
        slots_in_use=runner.slots_in_use,
        continuous_jobs=runner.continuous_jobs,
        events_waiting=runner.events_waiting,
        heartbeat_seconds=runner.heartbeat_seconds,
        disk_free_bytes=disk.free_bytes if disk else None,
        disk_reserve_bytes=disk.reserve_bytes if disk else None,
    )


def _known(**facts: float | None) -> dict[str, float]:
    return {name: value for name, value in facts.items() if value is not None}


def _counts(client: Client) -> dict[str, int]:
    return dict(client.overview(limit=1).counts)


def _lines(shown: StatusShown, colours: bool) -> Iterator[str]:
    version = f" {shown.version}" if shown.version else ""
    word = painted(shown.status, "green" if shown.status == "ready" else "red") if colours else shown.status
    yield f"webjobs{version} at {shown.url}: {word}"
    for name, reason in shown.problems.items():
        yield f"  {name}: {in_one_line(reason)}"
    for name, note in shown.notes.items():
        yield f"  note on {name}: {in_one_line(note)}"
    for warning in shown.warnings:
        yield f"  warning: {in_one_line(warning)}"
    if shown.counts:
        yield ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in shown.counts.items())
    columns: list[Column[Part]] = [
        Column("PART", lambda part: part.name),
        Column("INSTANCE", lambda part: part.instance),
        Column("", lambda part: "up" if part.up else "away", lambda part: "green" if part.up else "red"),
        Column("RELEASE", lambda part: part.version or ""),
        Column("FACTS", lambda part: ", ".join(_fact(*fact) for fact in part.facts.items())),
    ]
    yield from table_lines(shown.parts, columns, colours=colours, width=None)


def _fact(name: str, value: float) -> str:
    words = name.removesuffix("_bytes").replace("_", " ")
    return f"{words} {size(int(value))}" if name.endswith("_bytes") else f"{words} {value:g}"
