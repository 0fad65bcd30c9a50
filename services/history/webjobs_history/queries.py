"""Rows → read models: one statement a query, so that an answer and its position are of one moment.

Postgres writes the JSON of each row; nothing here turns it into objects and back.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    ScalarSelect,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import TextClause
from webjobs_events.queries import (
    AcknowledgementsQuery,
    AllRunsQuery,
    DeploymentsQuery,
    InstanceView,
    RunQuery,
    RunsQuery,
    RunTotalsQuery,
)
from webjobs_rules.job import JobName

from webjobs_history.all_runs import all_runs_statement
from webjobs_history.run_totals import RUN_TOTALS, run_totals_values
from webjobs_history.store import PROJECTION
from webjobs_history.tables import acknowledgements, deployments, instances, jobs, positions, runs

MAX_PAGE = 1000  # runs, acknowledgements or deployments


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The rows at one moment.

    Attributes:
        position: Sequence of the last event in them.
        replay_until: Until the position is there, the rows are an incomplete replay.
        stream_created_at: Distinguishes the stream of the position from another one of its name.
        items: JSON of each item, in order.
        names: Jobs the items are about, where a query is about several.
        retried: JSON of runs whose next attempt is not known yet, where a query asks for them.
    """

    position: int
    replay_until: int
    stream_created_at: str
    items: list[msgspec.Raw]
    names: list[str] = []
    retried: list[msgspec.Raw] = []


def _with_position(items: ScalarSelect[Any], names: ScalarSelect[Any] | None = None) -> Select[Any]:
    """The position beside an array of JSON texts (and one of names), as one row."""
    columns: list[ColumnElement[Any]] = [
        positions.c.sequence,
        positions.c.replay_until,
        positions.c.stream_created_at,
        func.array(items),
    ]
    if names is not None:
        columns.append(func.array(names))
    return select(*columns).where(positions.c.reader == PROJECTION)


_STATISTICS = ("results", "durations", "streak", "failing_since", "last_success")
_NAMES: ColumnElement[Any] = bindparam("names", type_=ARRAY(Text))

_page = (
    select(runs)
    .where(runs.c.job_name == bindparam("job_name"))
    .where(runs.c.run_id < bindparam("before"))
    .order_by(runs.c.run_id.desc())
    .limit(bindparam("limit", type_=Integer))
    .subquery("page")
)
_one = (
    select(runs)
    .where(runs.c.job_name == bindparam("job_name"))
    .where(runs.c.run_id == bindparam("run_id"))
    .subquery("one")
)
_ACKNOWLEDGEMENT_KEY = tuple_(
    acknowledgements.c.job_type, acknowledgements.c.job_name, acknowledgements.c.kind
)
_acknowledged = (
    select(acknowledgements)
    .where(_ACKNOWLEDGEMENT_KEY > tuple_(*map(bindparam, ("job_type", "job_name", "kind"))))
    .order_by(_ACKNOWLEDGEMENT_KEY)
    .limit(MAX_PAGE + 1)
    .subquery("acknowledged")
)
_deployed = (
    select(deployments)
    .where(deployments.c.id < bindparam("before"))
    .order_by(deployments.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_deployed_of_job = _deployed.where(
    deployments.c.job_type == bindparam("job_type"), deployments.c.job_name == bindparam("job_name")
)
_deployment = select(deployments).where(deployments.c.id == bindparam("deployment_id"))
_view = func.json_build_object(
    *(part for name in InstanceView.__struct_fields__ for part in (name, instances.c[name]))
)
_status = func.json_build_object(
    "job_name",
    instances.c.job_name,
    "instances",
    func.json_agg(aggregate_order_by(_view, instances.c.instance)),
)


def _rows_as_json(rows: Any) -> ScalarSelect[Any]:
    return select(cast(func.row_to_json(rows.table_valued()), Text)).select_from(rows).scalar_subquery()


# The latest run is passed on as it is stored: to take it apart would cost more than all the rest.
_summary = func.json_build_object(
    *(part for name in ("job_name", "run_count", *_STATISTICS) for part in (name, jobs.c[name])),
    *("latest", jobs.c.latest_run),
)


def _of_jobs(item: Any, condition: ColumnElement[bool] | None) -> Select[Any]:
    where = [] if condition is None else [condition]
    items = select(cast(item, Text)).where(*where).order_by(jobs.c.job_name).scalar_subquery()
    names = select(jobs.c.job_name).where(*where).order_by(jobs.c.job_name).scalar_subquery()
    return _with_position(items, names)


def _statuses(condition: ColumnElement[bool] | None) -> Select[Any]:
    where = [] if condition is None else [condition]
    name = instances.c.job_name
    items = select(cast(_status, Text)).where(*where).group_by(name).order_by(name).scalar_subquery()
    names = select(name).where(*where).group_by(name).order_by(name).scalar_subquery()
    return _with_position(items, names)


_RUNS = _with_position(_rows_as_json(_page))
_RUN = _with_position(_rows_as_json(_one))
_ACKNOWLEDGED = _with_position(_rows_as_json(_acknowledged))
_DEPLOYED = _with_position(_rows_as_json(_deployed.subquery("deployed")))
_DEPLOYED_OF_JOB = _with_position(_rows_as_json(_deployed_of_job.subquery("deployed")))
_DEPLOYMENT = _with_position(_rows_as_json(_deployment.subquery("deployment")))
_LATEST_OF_ALL = _of_jobs(jobs.c.latest_run, None)
_LATEST_OF = _of_jobs(jobs.c.latest_run, jobs.c.job_name == any_(_NAMES))
_SUMMARIES_OF_ALL = _of_jobs(_summary, None)
_SUMMARIES_OF = _of_jobs(_summary, jobs.c.job_name == any_(_NAMES))
_STATUSES_OF_ALL = _statuses(None)
_STATUSES_OF = _statuses(instances.c.job_name == any_(_NAMES))

_NOTHING = _with_position(select(cast("", Text)).limit(0).scalar_subquery())

_UNDEFINED_TABLE = "42P01"  # Postgres' code
_AFTER_EVERY_RUN_ID = ":"  # the character after "9"; ids of deployments begin with a run id


def page_size(query: DeploymentsQuery) -> int:
    """How many deployments a page has at most."""
    return max(1, min(query.limit, MAX_PAGE))


class Queries:
    """Reads; each answers None before anything was ever projected."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def runs(self, query: RunsQuery) -> Snapshot | None:
        """A page of a job's runs, newest first."""
        return await self._read(
            _RUNS,
            job_name=query.job_name,
            before=query.before or _AFTER_EVERY_RUN_ID,
            limit=max(1, min(query.limit, MAX_PAGE)),
        )

    async def all_runs(self, query: AllRunsQuery) -> Snapshot | None:
        """A page of the runs of all jobs, and one more if there is one; see `all_runs_statement`.

        `names` are the places of the waiting runs that are known.
        """
        statement, values = all_runs_statement(query, max(1, min(query.limit, MAX_PAGE)))
        return await self._read(statement, **values)

    async def run(self, query: RunQuery) -> Snapshot | None:
        """One run, or none."""
        return await self._read(_RUN, job_name=query.job_name, run_id=query.run_id)

    async def latest_runs(self, job_names: Sequence[JobName] | None) -> Snapshot | None:
        """The latest run of each job that has any, in order of name."""
        if job_names is None:
            return await self._read(_LATEST_OF_ALL)
        return await self._read(_LATEST_OF, names=list(job_names))

    async def job_summaries(self, job_names: Sequence[JobName] | None) -> Snapshot | None:
        """What the runs of each job that has any have in common, in order of name."""
        if job_names is None:
            return await self._read(_SUMMARIES_OF_ALL)
        return await self._read(_SUMMARIES_OF, names=list(job_names))

    async def run_totals(self, query: RunTotalsQuery) -> Snapshot | None:
        """The runs that run, oldest first; `names` are three counts, see `RUN_TOTALS`."""
        return await self._read(RUN_TOTALS, **run_totals_values(query))

    async def statuses(self, job_names: Sequence[JobName] | None) -> Snapshot | None:
        """What continuous jobs do, in order of name."""
        if job_names is None:
            return await self._read(_STATUSES_OF_ALL)
        return await self._read(_STATUSES_OF, names=list(job_names))

    async def acknowledgements(self, query: AcknowledgementsQuery) -> Snapshot | None:
        """A page of acknowledgements in the order of their keys, and one more if there is one."""
        job_type, job_name, kind = query.after or ("", "", "")
        return await self._read(_ACKNOWLEDGED, job_type=str(job_type), job_name=job_name, kind=kind)

    async def deployments(self, query: DeploymentsQuery) -> Snapshot | None:
        """A page of deployments, newest first, and one more if there is one; or the one that is asked for."""
        if query.id is not None:
            return await self._read(_DEPLOYMENT, deployment_id=query.id)
        page: dict[str, Any] = {
            "before": query.before or _AFTER_EVERY_RUN_ID,
            "limit": page_size(query) + 1,
        }
        if query.job_name is None or query.job_type is None:
            return await self._read(_DEPLOYED, **page)
        return await self._read(
            _DEPLOYED_OF_JOB, job_type=query.job_type.value, job_name=query.job_name, **page
        )

    async def is_there(self) -> bool:
        """Whether anything was ever projected; fails when Postgres is not there."""
        return await self._read(_NOTHING) is not None

    async def _read(self, statement: Select[Any] | TextClause, **values: Any) -> Snapshot | None:
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(statement, values)).one_or_none()
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", "") != _UNDEFINED_TABLE:
                raise
            return None  # at the very first start, before the migrations
        if row is None:
            return None
        return Snapshot(
            position=row[0],
            replay_until=row[1],
            stream_created_at=row[2],
            items=[msgspec.Raw(text.encode()) for text in row[3]],
            names=list(row[4]) if len(row) > 4 else [],
            retried=[msgspec.Raw(text.encode()) for text in row[5]] if len(row) > 5 else [],
        )
