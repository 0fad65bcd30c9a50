"""`webjobs doctor`: what on this machine, or of the server, keeps webjobs from working."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.job_options import data_option, port_option
from webjobs_cli.lazy_group import Command
from webjobs_cli.shapes.doctor import DoctorCheck
from webjobs_cli.table import Column, in_one_line, painted

_MARKS = {"ok": "✓", "note": "-", "warning": "!", "failed": "✗"}
_COLOURS = {"ok": "green", "note": "dim", "warning": "yellow", "failed": "red"}
_COLUMNS: list[Column[DoctorCheck]] = []


@click.command(cls=Command)
@data_option
@port_option
@server_options
@json_option
def doctor(data: Path, port: int) -> int:
    """Check this machine and the server, and say what to do.

    It looks at versions, interpreters, disk, ports and time zones of this machine, and whether the server
    answers, can work, takes the login, and has the same time. Exits with 1 when a check has failed.
    """
    from webjobs_cli.machine_checks import machine_checks
    from webjobs_cli.server_checks import server_checks
    from webjobs_cli.target import find_target

    given = invocation()
    output = given.output
    output.check_fields(DoctorCheck)
    target = find_target(given.url, given.context, os.environ, Path.cwd())
    try:
        checks = [*machine_checks(data, port, os.environ), *server_checks(target)]
    except OSError as error:
        raise CommandError("failed", str(error)) from error
    if output.is_json:
        output.rows(DoctorCheck, checks, _COLUMNS)
    else:
        output.lines(_lines(checks, colours=output.colours))
    return 1 if any(each.level == "failed" for each in checks) else 0


def _lines(checks: list[DoctorCheck], *, colours: bool) -> Iterator[str]:
    width = max(len(each.id) for each in checks)
    for each in checks:
        mark = _MARKS[each.level]
        shown = painted(mark, _COLOURS[each.level]) if colours else mark
        yield f"{shown} {each.id.ljust(width)}  {in_one_line(each.message)}"
        if each.remedy:
            yield f"  {' ' * width}  → {in_one_line(each.remedy)}"
    failed = sum(each.level == "failed" for each in checks)
    yield f"{failed or 'no'} check{'' if failed == 1 else 's'} failed"
