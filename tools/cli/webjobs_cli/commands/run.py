"""`webjobs run` and `webjobs rerun`: start a run, and wait for its end if asked to."""

import sys
from collections.abc import Callable

import click
from webjobs_client import Client, ClientError, JobNotFound, Run
from webjobs_client.models import IfRunning

from webjobs_cli.attachment import Attachment, lost
from webjobs_cli.completion import runs, triggered_jobs
from webjobs_cli.connection import connect
from webjobs_cli.errors import FAILED, CommandError
from webjobs_cli.exit_codes import exit_code_of
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import WaitingCommand
from webjobs_cli.log_lines import row_of
from webjobs_cli.lookup import find_job, find_run
from webjobs_cli.names import JobName, parse_job, parse_run
from webjobs_cli.output import Output
from webjobs_cli.run_output import shown, summary_of
from webjobs_cli.shapes.runs import Followed, RunShown
from webjobs_cli.table import painted
from webjobs_cli.times import Duration

_arguments = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
_wait = click.option("--wait", is_flag=True, help="Wait for its end; the exit code is that of the script.")
_follow = click.option(
    "--follow", "-f", is_flag=True, help="Print its log until its very end, and wait for it."
)
_timeout = click.option(
    "--timeout", type=Duration(), metavar="DURATION", help="Wait no longer, such as 10m; the run goes on."
)


@click.command(cls=WaitingCommand)
@click.argument("job", shell_complete=triggered_jobs)
@_arguments
@_wait
@_follow
@_timeout
@click.option(
    "--if-running",
    type=click.Choice(["fail", "join", "queue"]),
    default="fail",
    show_default=True,
    help="When the job runs already: do what its settings say, by default fail; join the run there is; or "
    "queue a run that waits for its turn.",
)
@server_options
@json_option
def run(
    job: str,
    arguments: tuple[str, ...],
    wait: bool,
    follow: bool,
    timeout: float | None,
    if_running: IfRunning,
) -> None:
    """Run a triggered job, with ARGUMENTS after --.

    With --wait or --follow the exit code is that of the script, 0 to 123; 124 after a time-out; 125 when
    webjobs failed or contact was lost; 128 and the number of a signal; 130 when the run was cancelled.
    """
    _check(follow)
    client = connect()

    def start(name: str) -> Run:
        return client.run(name, list(arguments), if_running=if_running)

    wanted = parse_job(job)
    if wanted.type == "continuous":
        find_job(client, wanted, "triggered")  # which says what to do instead
    started = _started(wanted, start, client)
    _finish(started, wait, follow, timeout)


@click.command(cls=WaitingCommand)
@click.argument("run_name", metavar="RUN", shell_complete=runs)
@_arguments
@click.option("--no-arguments", is_flag=True, help="Without those of the run.")
@_wait
@_follow
@_timeout
@server_options
@json_option
def rerun(
    run_name: str,
    arguments: tuple[str, ...],
    no_arguments: bool,
    wait: bool,
    follow: bool,
    timeout: float | None,
) -> None:
    """Run a job again as it is now, with the arguments of RUN, or with ARGUMENTS after --."""
    _check(follow)
    client = connect()
    job, run_id = find_run(client, parse_run(run_name))
    given = list(arguments) if arguments or no_arguments else None
    started = _interruptible(job, lambda: client.rerun(job, run_id, given))
    _finish(started, wait, follow, timeout)


def _check(follow: bool) -> None:
    invocation().output.check_fields(Followed if follow else RunShown)


def _started(wanted: JobName, start: Callable[[str], Run], client: Client) -> Run:
    try:
        return _interruptible(wanted.name, lambda: start(wanted.name))
    except JobNotFound as error:
        try:
            name = find_job(client, wanted, "triggered").name
        except CommandError as failure:
            # What the api says of a job that is not there can be more: its folder may have been refused.
            raise (
                error if failure.code == "job_not_found" and "refused" in str(error) else failure
            ) from None
        return _interruptible(name, lambda: start(name))


def _interruptible(job: str, start: Callable[[], Run]) -> Run:
    try:
        return start()
    except KeyboardInterrupt:
        raise CommandError(
            "interrupted",
            f"Interrupted while the run of {job!r} was requested.",
            f"`webjobs runs {job}` shows whether it was started.",
            FAILED,
        ) from None


def _finish(started: Run, wait: bool, follow: bool, timeout: float | None) -> None:
    output = invocation().output
    if not (wait or follow):
        if output.is_json:
            started.refresh()
            assert started.details is not None
            output.one(shown(started.details, joined=started.joined), [])
        else:
            output.lines([f"{started.job}/{started.id}"])
            output.note(f"`webjobs logs -f {started.job}/{started.id}` shows its log.")
        return
    await_end(started.job, started.id, follow=follow, timeout=timeout, joined=started.joined)


def await_end(job: str, run_id: str, *, follow: bool, timeout: float | None, joined: bool = False) -> None:
    """Wait for the end of a run, print it, and end this process with the exit code of the run."""
    output = invocation().output
    may_ask = not output.is_json and sys.stdin.isatty() and sys.stderr.isatty()
    attachment = Attachment(
        connect(is_patient=True), job, run_id, _printer(output) if follow else None, may_ask
    )
    try:
        ended = attachment.until_end(lambda: output.note(f"Waiting for {job}/{run_id}."), timeout)
    except ClientError as error:
        raise lost(error, job, attachment.run_id) from error
    result = shown(ended, joined=joined)
    if output.is_json and follow:
        output.streamed(Followed(run=result), "")
    elif follow:
        output.note(summary_of(result))
    else:
        output.one(result, [summary_of(result)])
    click.get_current_context().exit(exit_code_of(ended))


def _printer(output: Output) -> Callable[[str], None]:
    """Prints lines of a log as the script wrote them, each on the stream it was written to."""

    def print_line(line: str) -> None:
        row = row_of(line)
        if output.is_json:
            output.streamed(Followed(line=row), "")
        elif row.stream == "stdout":
            output.lines([row.text])
        else:
            text = painted(row.text, "dim") if row.stream == "system" and output.colours else row.text
            output.note(text)

    return print_line
