"""A run as commands print it."""

from collections.abc import Iterator
from datetime import timedelta

from webjobs_client.models import RunDetails
from webjobs_rules.amounts import took

from webjobs_cli.shapes.runs import RunShown
from webjobs_cli.table import Column, printable
from webjobs_cli.times import local_text

COLOURS = {
    "Success": "green",
    "Failed": "red",
    "Aborted": "yellow",
    "Running": "blue",
    "Initializing": "blue",
    "PendingRestart": "yellow",
    "Stopped": "dim",
}
"""Of status words."""

COLUMNS: list[Column[RunShown]] = [
    Column("RUN", lambda run: run.run),
    Column("STATUS", lambda run: run.status, lambda run: COLOURS.get(run.status, "")),
    Column("STARTED", lambda run: local_text(run.started_at)),
    Column("TOOK", lambda run: took(timedelta(seconds=run.seconds))),
    Column("TRIGGER", lambda run: run.trigger),
    Column("END", lambda run: ending_of(run)),
]


def shown(run: RunDetails, *, joined: bool = False) -> RunShown:
    """The run as JSON has it."""
    return RunShown(
        run=f"{run.job_name}/{run.id}",
        job=run.job_name,
        id=run.id,
        status=run.status,
        trigger=run.trigger,
        arguments=run.arguments,
        started_at=run.started_at,
        ended_at=run.ended_at,
        seconds=run.seconds,
        exit_code=run.exit_code,
        signal=run.signal,
        reason=run.reason,
        evidence=run.evidence,
        instance=run.instance,
        attempt=run.attempt,
        scheduled_for=run.scheduled_for,
        retry_of=run.retry_of,
        rerun_of=run.rerun_of,
        next_run_id=run.next_run_id,
        next_attempt_at=run.next_attempt_at,
        cpu_seconds=run.cpu_seconds,
        peak_memory_bytes=run.peak_memory_bytes,
        log_lines=run.log_lines,
        first_error_line=run.first_error_line,
        package_digest=run.package_digest,
        url=run.url,
        joined=joined,
    )


def ending_of(run: RunShown) -> str:
    """Why it ended, in words; empty before."""
    if run.ended_at is None:
        return ""
    if run.reason == "exit_code" or run.reason is None:
        return "" if run.exit_code is None else f"exit code {run.exit_code}"
    words = run.reason.replace("_", " ")
    return f"{words} {run.signal}" if run.reason == "signal" and run.signal else words


def summary_of(run: RunShown) -> str:
    """One line about a run: `hello/2026… Failed after 3 s: exit code 3`."""
    after = f" after {took(timedelta(seconds=run.seconds))}" if run.ended_at else ""
    ending = ending_of(run)
    return f"{printable(run.run)} {run.status}{after}" + (f": {ending}" if ending else "")


def story_lines(run: RunShown) -> Iterator[tuple[str, str]]:
    """Names and values of what is known of a run, for people."""
    yield "Status", summary_of(run).partition(" ")[2]
    yield "Trigger", run.trigger + (f", due at {local_text(run.scheduled_for)}" if run.scheduled_for else "")
    if run.arguments:
        yield "Arguments", run.arguments
    yield "Runner", run.instance
    yield "Evidence", run.evidence
    if run.rerun_of:
        yield "Rerun of", f"{run.job}/{run.rerun_of}"
    if run.next_run_id:
        yield "Next try", f"{run.job}/{run.next_run_id} {local_text(run.next_attempt_at)}".rstrip()
