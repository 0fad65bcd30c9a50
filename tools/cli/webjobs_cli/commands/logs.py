"""`webjobs logs`: the log of a run, or of a continuous job."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime

import click
from webjobs_client import Client
from webjobs_client.models import LogLine, LogWindow

from webjobs_cli.completion import runs
from webjobs_cli.connection import connect
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.log_lines import LogRow, row_of
from webjobs_cli.lookup import find_job, find_run, run_of
from webjobs_cli.names import LAST, RunName, parse_run
from webjobs_cli.output import Output
from webjobs_cli.table import painted
from webjobs_cli.times import Since, local_text

_WINDOW = 5000  # lines that the api gives at most at a time


class _Count(click.ParamType[int | None]):
    """How many lines: a number, or `all`."""

    name = "count"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """The number; None for all."""
        text = str(value)
        if text == "all":
            return None
        if not (text.isascii() and text.isdigit()):
            self.fail(f"{text!r} is no number of lines. Write it as 100, or all.", param, ctx)
        return int(text)


@click.command(cls=Command)
@click.argument("name", metavar="JOB[/RUN]", shell_complete=runs)
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written, until the run has ended.")
@click.option(
    "-n",
    "count",
    type=_Count(),
    metavar="COUNT|all",
    help="The last so many lines. Default: 100, with --since all.",
)
@click.option(
    "--since", type=Since(), metavar="WHEN", help="Only lines since then, such as 2h or 2026-01-02T03:04."
)
@click.option("--errors", is_flag=True, help="Only lines of standard error, and others with an error.")
@server_options
@json_option
def logs(name: str, follow: bool, count: int | str | None, since: datetime | None, errors: bool) -> None:
    """Print the log of a run, or of a continuous job.

    JOB alone means its last run. Lines of standard error are marked E, those of webjobs itself #. With --json
    each line is an object.
    """
    output = invocation().output
    output.check_fields(LogRow)
    given = click.get_current_context().get_parameter_source("count")
    is_given = given is not None and given.name == "COMMANDLINE"
    most = count if is_given else None if since else 100
    assert most is None or isinstance(most, int)
    client = connect()
    wanted = parse_run(name)
    selected = _Selected(output, since, errors)
    run = None if wanted.job.type == "continuous" else run_of(client, wanted.job.name, wanted.run)
    if run is None:
        job = find_job(client, wanted.job)
        if job.type == "continuous" and wanted.run != LAST:
            raise CommandError(
                "wrong_type",
                f"{job.name!r} is a continuous job, which has no runs.",
                f"`webjobs logs {job.name}` prints its log.",
                exit_code=2,
            )
        if job.type == "continuous":
            _logs_of_job(client, job.name, most, follow, selected)
            return
        run = find_run(client, RunName(wanted.job._replace(name=job.name), wanted.run))
    _logs_of_run(client, *run, most, follow, selected)


class _Selected:
    """Prints those lines that the options choose."""

    def __init__(self, output: Output, since: datetime | None, errors: bool) -> None:
        self._output = output
        self._since = since
        self._errors = errors

    @property
    def is_all(self) -> bool:
        """Whether no line is left out."""
        return self._since is None and not self._errors

    def passes(self, row: LogRow) -> bool:
        """Whether a line is chosen; one without a time is when it was not asked for one."""
        if self._errors and not row.is_error:
            return False
        return self._since is None or (row.at is not None and row.at >= self._since)

    def print_all(self, rows: Iterable[LogRow]) -> None:
        """Print lines that were chosen."""
        if self._output.is_json:
            for row in rows:
                self._output.streamed(row, "")
        else:
            self._output.lines(_text_of(row, self._output.colours) for row in rows)

    def print(self, row: LogRow) -> None:
        """Print a line if it is chosen."""
        if self.passes(row):
            self._output.streamed(row, _text_of(row, self._output.colours))


def _text_of(row: LogRow, colours: bool) -> str:
    mark = {"stderr": "E", "system": "#"}.get(row.stream, " ")
    text = f"{local_text(row.at)} {mark} {row.text}" if row.at else row.text
    colour = "red" if row.is_error else "dim" if row.stream == "system" else ""
    return painted(text, colour) if colours and colour else text


def _logs_of_run(
    client: Client, job: str, run_id: str, most: int | None, follow: bool, selected: _Selected
) -> None:
    if selected.is_all and most is not None and most <= _WINDOW:
        windows = iter([client.log_window(job, run_id, tail=max(most, 1))])
    else:
        windows = _windows(client, job, run_id)
    kept: deque[LogLine] = deque(maxlen=most)
    last: LogLine | None = None
    has_ended = True
    for window in windows:
        kept.extend(line for line in window.lines if selected.passes(_row(line)))
        last = window.lines[-1] if window.lines else last
        has_ended = window.ended
    goes_on = follow and not has_ended
    if goes_on and kept and kept[-1] is last:
        kept.pop()  # it may be unfinished, and is read again as a whole
    selected.print_all(_row(line) for line in kept)
    if goes_on:
        for text in client.follow_log(job, run_id, offset=last.offset if last else 0):
            selected.print(row_of(text))


def _windows(client: Client, job: str, run_id: str) -> Iterator[LogWindow]:
    """All of a log, from its beginning to where it was written when that was read."""
    first = 1
    while True:
        window = client.log_window(job, run_id, line=first, lines=_WINDOW)
        yield window
        if window.last is None or window.last >= window.total:
            return
        first = window.last + 1


def _row(line: LogLine) -> LogRow:
    level = "error" if line.stream == "stderr" else line.level.lower().removeprefix("sys ")
    return LogRow(line.at, line.stream, level, line.text, number=line.number)


def _logs_of_job(client: Client, job: str, most: int | None, follow: bool, selected: _Selected) -> None:
    text = client.job_log(job)
    chosen = (row for row in map(row_of, text.splitlines()) if selected.passes(row))
    selected.print_all(deque(chosen, maxlen=most))
    if follow:
        for line in client.follow_job_log(job, offset=len(text.encode())):
            selected.print(row_of(line))
