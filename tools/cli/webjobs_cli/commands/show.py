"""`webjobs show`: a run and its story."""

from collections.abc import Iterator
from datetime import timedelta

import click
import msgspec
from webjobs_client import Client
from webjobs_client.models import RunDetails
from webjobs_rules.amounts import size, took

from webjobs_cli.completion import runs
from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_run
from webjobs_cli.names import parse_run
from webjobs_cli.run_output import ending_of, shown, story_lines
from webjobs_cli.shapes.runs import RunStory, StoryLine
from webjobs_cli.table import in_one_line, printable
from webjobs_cli.times import local_text


@click.command(cls=Command)
@click.argument("run", shell_complete=runs)
@server_options
@json_option
def show(run: str) -> None:
    """Show a run and its story.

    RUN is JOB/ID, JOB/@last, or the beginning of an id; JOB alone means its last run.
    """
    output = invocation().output
    output.check_fields(RunStory)
    client = connect()
    details = client.run_details(*find_run(client, parse_run(run)))
    story = RunStory(
        **msgspec.structs.asdict(shown(details)),
        story=list(_story(details)),
        first_error=_first_error(client, details),
    )
    output.one(story, _lines(story))


def _story(run: RunDetails) -> Iterator[StoryLine]:
    """What happened, oldest first."""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    if run.scheduled_for is not None:
        yield StoryLine(run.scheduled_for, "It was due.")
    if run.rerun_of is not None:
        yield StoryLine(None, f"It runs {run.rerun_of} again.")
    if run.retry_of is not None:
        yield StoryLine(None, f"It tries {run.retry_of} again.")
    if run.status == "Initializing":
        yield StoryLine(run.started_at, f"It was requested{attempt}: {run.trigger}. It waits.")
        return
    where = f" on runner {run.instance}" if run.instance else ""
    yield StoryLine(run.started_at, f"It was started{where}{attempt}: {run.trigger}.")
    if run.ended_at is not None:
        ending = ending_of(shown(run))
        evidence = f" {run.evidence}" if run.evidence else ""
        yield StoryLine(run.ended_at, f"{run.status}{f': {ending}' if ending else ''}.{evidence}")
    if run.next_run_id is not None:
        yield StoryLine(run.next_attempt_at, f"It is tried again as {run.next_run_id}.")


def _first_error(client: Client, run: RunDetails) -> str | None:
    if run.first_error_line is None:
        return None
    lines = client.log_window(run.job_name, run.id, line=run.first_error_line, lines=1).lines
    return lines[0].text if lines else None


def _lines(run: RunStory) -> Iterator[str]:
    yield printable(run.run)
    for name, value in story_lines(run):
        if value:
            yield f"  {name + ':':<12}{printable(value)}"
    if run.cpu_seconds is not None:
        memory = f", {size(run.peak_memory_bytes)} of memory" if run.peak_memory_bytes is not None else ""
        yield f"  {'Used:':<12}{took(timedelta(seconds=run.cpu_seconds))} of CPU{memory}"
    if run.first_error is not None:
        yield f"  {'Error:':<12}line {run.first_error_line}: {printable(run.first_error)}"
    yield ""
    for each in run.story:
        yield f"  {local_text(each.at):<19}  {in_one_line(each.text)}"
