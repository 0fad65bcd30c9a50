"""The form of a list whose rows are checked → the action and what it is about; pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from webjobs_rules.job import JobType

from webjobs_api.bulk_actions.request import Action, BulkAction, NamedJob, check_named
from webjobs_api.bulk_actions.run_request import BulkRunAction, NamedRun, RunAction, wanted_runs
from webjobs_api.http.request_errors import InvalidForm
from webjobs_api.overview.selection import job_filter_of

JOB_FILTERS = ("text", "filter", "type")
RUN_FILTERS = ("status", "job", "trigger", "runner", "since", "until")
JOB, RUN = "job", "run"
"""The fields with what is checked: `triggered/hello`, `201311080256000000/hello`."""

Fields = Mapping[str, Sequence[str]]
A = TypeVar("A", bound=StrEnum)


def job_action_of(fields: Fields) -> BulkAction:
    """An action on jobs: those that are checked, or with `all` those that pass the filter.

    Raises:
        InvalidForm: It names no action, or something that is no job.
        InvalidJobFilter: The filter has a value that it cannot have.
        TooManyAtOnce: More are checked than one request may name.
    """
    chosen = {name: last(fields, name) for name in JOB_FILTERS if last(fields, name)}
    jobs = None if last(fields, "all") else [_job(each) for each in _checked(fields, JOB, "jobs")]
    return BulkAction(_action(fields, Action), jobs, job_filter_of(chosen))


def run_action_of(fields: Fields) -> BulkRunAction:
    """The same for runs.

    Raises:
        InvalidForm: It names no action, or something that is no run.
        InvalidRunFilter: The filter has a value that it cannot have.
        TooManyAtOnce: More are checked than one request may name.
    """
    action = _action(fields, RunAction)
    runs = None if last(fields, "all") else [_run(each) for each in _checked(fields, RUN, "runs")]
    return BulkRunAction(action, runs, wanted_runs(action, run_filters(fields)))


def run_filters(fields: Fields) -> Fields:
    """The filters of the list of runs that are set."""
    chosen = {name: [each for each in fields.get(name, ()) if each] for name in RUN_FILTERS}
    return {name: values for name, values in chosen.items() if values}


def confirmed_count(fields: Fields) -> int | None:
    """The number that the person has confirmed; None when there was no question yet.

    Raises:
        InvalidForm: It is no number.
    """
    given = last(fields, "count")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise InvalidForm(f"count is {given[:100]!r}, and a number is wanted")
    return int(given)


def last(fields: Fields, name: str) -> str:
    """The last value of a field; empty without any."""
    values = fields.get(name, ())
    return values[-1] if values else ""


def _checked(fields: Fields, name: str, what: str) -> list[str]:
    checked = list(dict.fromkeys(fields.get(name, ())))
    check_named(checked, what)
    return checked


def _action(fields: Fields, actions: type[A]) -> A:
    given = last(fields, "action")
    try:
        return actions(given)
    except ValueError as error:
        raise InvalidForm(f"action is {given[:100]!r}, and one of {', '.join(actions)} is wanted") from error


def _job(value: str) -> NamedJob:
    job_type, _, name = value.partition("/")
    try:
        return NamedJob(JobType(job_type), name)
    except ValueError as error:
        raise InvalidForm(f"{value[:100]!r} is no job such as 'triggered/hello'") from error


def _run(value: str) -> NamedRun:
    run_id, slash, job = value.partition("/")
    if not slash:
        raise InvalidForm(f"{value[:100]!r} is no run such as '201311080256000000/hello'")
    return NamedRun(job, run_id)
