"""The body of a request for an action on many runs → what it asks for; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec
from webjobs_rules.status import TERMINAL_STATUSES

from webjobs_api.backends.run_filter import ACTIVE, STATUS_WORDS, RunFilter, run_filter_of
from webjobs_api.bulk_actions.errors import InvalidBulkAction
from webjobs_api.bulk_actions.request import check_named, decoded

_EXAMPLE = (
    '{"action": "cancel", "runs": [{"job": "hello", "id": "201311080256000000"}]}, or with '
    '"filter": {"status": ["Running"], "job": ["hello"]} in place of runs'
)


class RunAction(StrEnum):
    """What is done to each run."""

    CANCEL = "cancel"
    RERUN = "rerun"
    """Run the job again, with the arguments of that run."""


class NamedRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the runs."""

    job: str
    id: str


class RunFilterJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every run that `GET /api/runs` lists with these parameters, on all of its pages."""

    status: list[str] = []
    job: list[str] = []
    trigger: list[str] = []
    runner: list[str] = []
    since: str | None = None
    until: str | None = None


class BulkRunActionJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action, and either the runs or a filter for them."""

    action: RunAction
    runs: list[NamedRun] | None = None
    filter: RunFilterJson | None = None


@dataclass(frozen=True, slots=True)
class BulkRunAction:
    """An action on runs: those that are named, or else those that pass the filter; None: none can pass."""

    action: RunAction
    runs: list[NamedRun] | None
    filter: RunFilter | None


def bulk_run_action_of(body: bytes) -> BulkRunAction:
    """What a request's body asks for.

    Raises:
        InvalidBulkAction: It is no JSON object of this form.
        InvalidRunFilter: The filter has a value that it cannot have.
        TooManyAtOnce: It names more than `MAX_NAMED`.
    """
    asked = decoded(body, BulkRunActionJson, _EXAMPLE)
    if (asked.runs is None) == (asked.filter is None):
        raise InvalidBulkAction("it needs either runs or filter", _EXAMPLE)
    check_named(asked.runs or (), "runs")
    return BulkRunAction(asked.action, asked.runs, wanted_runs(asked.action, _parameters(asked.filter)))


def wanted_runs(action: RunAction, parameters: Mapping[str, Sequence[str]]) -> RunFilter | None:
    """The runs that an action is about, of those that the parameters of `GET /api/runs` select.

    Only a run that has not ended can be cancelled.

    Raises:
        InvalidRunFilter: A value is none that the parameter can have.
    """
    wanted = run_filter_of(parameters)
    if action is not RunAction.CANCEL:
        return wanted
    active = wanted.statuses - TERMINAL_STATUSES if wanted.statuses else frozenset(STATUS_WORDS[ACTIVE])
    return replace(wanted, statuses=active) if active else None


def _parameters(given: RunFilterJson | None) -> Mapping[str, Sequence[str]]:
    fields = msgspec.structs.asdict(given) if given else {}
    return {name: [value] if isinstance(value, str) else value for name, value in fields.items() if value}
