"""From names as people write them to jobs and runs that are there."""

from typing import NamedTuple

from webjobs_client import Client, JobNotFound
from webjobs_client.models import JobType

from webjobs_cli.errors import CommandError
from webjobs_cli.names import LAST, JobName, RunName, chosen, near, not_found

_MOST_JOBS = 1000  # among which a name like one that is not there is looked for
_MOST_RUNS = 1000  # among which the beginning of an id is looked for
_RUN_ID_DIGITS = 18
_REMEDIES: dict[JobType, str] = {
    "triggered": "This command is for triggered jobs, whose runs end. `webjobs logs {job}` shows what a "
    "continuous one does; `webjobs start`, `stop` and `restart` control it.",
    "continuous": "This command is for continuous jobs. `webjobs cancel` ends a run of a triggered one, and "
    "`webjobs settings set {job} enabled=false` disables it.",
}


class Job(NamedTuple):
    """A job that is there."""

    type: JobType
    name: str


def find_job(client: Client, wanted: JobName, only: JobType | None = None) -> Job:
    """The job of this name, or the only one that begins so.

    Args:
        client: Of the server.
        wanted: The name.
        only: The type of jobs that the command is for.

    Raises:
        CommandError: There is none, there are several, or it is of the other type.
    """
    if only is not None and wanted.type not in (None, only):
        raise CommandError(
            "wrong_type",
            f"This command is for {only} jobs, and {wanted.name!r} is named as {wanted.type}.",
            exit_code=2,
        )
    rows = [
        row
        for row in client.jobs(text=wanted.name)
        if row.job.startswith(wanted.name) and wanted.type in (None, row.type)
    ]
    if not rows:
        raise not_found(wanted.name, "job", _hint(client, wanted))
    fitting = [row for row in rows if only in (None, row.type)] or rows
    name = chosen(wanted.name, [row.job for row in fitting], "job")
    types = [row.type for row in fitting if row.job == name]
    if only is not None and only not in types:
        remedy = _REMEDIES[only].format(job=name)
        raise CommandError("wrong_type", f"{name!r} is a {types[0]} job.", remedy, exit_code=2)
    if len(types) > 1:
        raise CommandError(
            "ambiguous_name",
            f"{name!r} may be triggered/{name}, continuous/{name}.",
            "Write the type before the name.",
            exit_code=2,
        )
    return Job(types[0], name)


def _hint(client: Client, wanted: JobName) -> str:
    """Which job may be meant by a name that none begins with; empty when none is near."""
    rows = client.overview(limit=_MOST_JOBS).jobs
    others = {row.type for row in rows if row.job == wanted.name}
    if others:  # of the type that was not named
        return f"There is a {others.pop()} job of this name."
    meant = near(wanted.name, {row.job for row in rows if wanted.type in (None, row.type)})
    return "" if meant is None else f"Did you mean {meant!r}?"


def find_run(client: Client, wanted: RunName) -> tuple[str, str]:
    """The job's name and the id of a run.

    Raises:
        CommandError: There is no such run, or there are several.
    """
    job, run = wanted.job.name, wanted.run
    found = run_of(client, job, run)
    if found is None:
        name = find_job(client, wanted.job, "triggered").name
        found = run_of(client, name, run) if name != job else None
        if found is None:
            raise CommandError(
                "run_not_found", f"The job {name!r} has no run.", f"`webjobs run {name}` starts one."
            )
    return found


def run_of(client: Client, job: str, run: str) -> tuple[str, str] | None:
    """The run of a triggered job by its whole name; None when there is no such job, or it never ran."""
    if len(run) == _RUN_ID_DIGITS:
        try:
            return job, client.run_details(job, run).id
        except JobNotFound:
            return None
    runs = client.run_page(job=job, limit=1 if run == LAST else _MOST_RUNS).runs
    if not runs:
        return None
    return job, runs[0].id if run == LAST else chosen(run, [each.id for each in runs], "run")
