"""The projection in Postgres: loads the rows that a batch needs, and writes a fold with its position.

All rows travel as JSON in one parameter or one value: msgspec and Postgres write and read it many times
faster than a driver handles single columns. `Session.run` calls these functions, each call in a transaction.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Connection,
    DateTime,
    Delete,
    Table,
    Text,
    TextClause,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from webjobs_events.queries import AcknowledgementView, RunView
from webjobs_rules.job import JobType

from webjobs_history.domain.fold import Fold, Keys
from webjobs_history.domain.rows import InstanceRow, JobRow
from webjobs_history.errors import PositionMoved
from webjobs_history.tables import (
    acknowledgements,
    deployments,
    failures,
    instances,
    jobs,
    metadata,
    positions,
    runs,
    stream_losses,
)

PROJECTION = "projection"
"""Reader name of the projector in `positions`."""

KEPT_DEPLOYMENTS = 50
"""Deployments of a job that are kept; older ones are removed."""

RESET_CHANNEL = "webjobs_history_reset"
"""Postgres channel on which the projector is notified that it has to start over."""

FAILURES_KEPT = timedelta(hours=25)
"""How long the minutes of `failures` are kept."""

_LOCK = 0x5765624A_68697374  # "WebJhist": the advisory lock of the replica that projects

_runs = msgspec.json.Decoder(list[RunView])
_jobs = msgspec.json.Decoder(list[JobRow])
_instances = msgspec.json.Decoder(list[InstanceRow])
_acknowledgements = msgspec.json.Decoder(list[AcknowledgementView])
_encoder = msgspec.json.Encoder()


def _names(name: str) -> BindParameter[Any]:
    """A parameter that holds a list of names: one array, so that the statement stays the same."""
    return bindparam(name, type_=ARRAY(Text()))


_LOAD = text(
    """
SELECT
  (SELECT coalesce(json_agg(r), '[]')::text
   FROM unnest(:run_jobs, :run_ids) AS k (job_name, run_id) JOIN runs r USING (job_name, run_id)),
  (SELECT coalesce(json_agg(j), '[]')::text FROM jobs j WHERE job_name = ANY (:jobs)),
  (SELECT coalesce(json_agg(i), '[]')::text
   FROM instances i
   WHERE instance = ANY (:runners)
      OR (job_name, instance) IN (SELECT * FROM unnest(:instance_jobs, :instances))),
  (SELECT coalesce(json_agg(a), '[]')::text
   FROM acknowledgements a
   WHERE (job_type, job_name) IN (SELECT * FROM unnest(:acknowledged_types, :acknowledged_jobs)))
"""
).bindparams(
    *map(_names, ("run_jobs", "run_ids", "jobs", "runners", "instance_jobs", "instances")),
    *map(_names, ("acknowledged_types", "acknowledged_jobs")),
)


def _upsert(table: Table, condition: str = "") -> TextClause:
    """Puts all rows of a JSON array; names of columns are those of the array's objects.

    Args:
        table: Where.
        condition: Of the stored row, without which it stays as it is.
    """
    names = [column.name for column in table.columns]
    key = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name not in key)
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)}) "
        f"SELECT {', '.join(names)} FROM json_populate_recordset(NULL::{table.name}, CAST(:rows AS json)) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes} {condition}"
    ).bindparams(bindparam("rows", type_=Text()))


_PUT_RUNS = _upsert(runs)
_PUT_JOBS = _upsert(jobs)
_PUT_INSTANCES = _upsert(instances)
_PUT_ACKNOWLEDGEMENTS = _upsert(acknowledgements)
_PUT_DEPLOYMENTS = _upsert(deployments, "WHERE deployments.code <> 'done'")

_ADD_FAILURES = text(
    "INSERT INTO failures SELECT * FROM unnest(:minutes, :counts) "
    "ON CONFLICT (minute) DO UPDATE SET count = failures.count + EXCLUDED.count"
).bindparams(
    bindparam("minutes", type_=ARRAY(DateTime(timezone=True))), bindparam("counts", type_=ARRAY(BigInteger()))
)
_latest_failure = func.least(func.now(), select(func.max(failures.c.minute)).scalar_subquery())
_DROP_OLD_FAILURES = delete(failures).where(failures.c.minute < _latest_failure - FAILURES_KEPT)

_MOVE_POSITION = (
    update(positions)
    .where(positions.c.reader == PROJECTION, positions.c.sequence == bindparam("before"))
    .values(sequence=bindparam("after"), stored_at_ns=bindparam("at_ns"))
    .returning(positions.c.sequence)
)


def _delete_of_jobs(table: Table) -> Delete:
    return delete(table).where(table.c.job_name == any_(_names("job_names")))


_DROP_RUNS_OF_JOBS = _delete_of_jobs(runs)
_DROP_JOBS = _delete_of_jobs(jobs)
_DROP_INSTANCES_OF_JOBS = _delete_of_jobs(instances)

_dropped = func.unnest(_names("job_names"), _names("run_ids")).table_valued("job_name", "run_id")
_DROP_RUNS = delete(runs).where(tuple_(runs.c.job_name, runs.c.run_id).in_(select(_dropped.render_derived())))

_DROP_ACKNOWLEDGEMENTS = text(
    "DELETE FROM acknowledgements "
    "WHERE (job_type, job_name, kind) IN (SELECT * FROM unnest(:job_types, :job_names, :kinds))"
).bindparams(*map(_names, ("job_types", "job_names", "kinds")))

_DROP_DEPLOYMENTS = text(
    "DELETE FROM deployments WHERE (job_type, job_name) IN (SELECT * FROM unnest(:job_types, :job_names))"
).bindparams(*map(_names, ("job_types", "job_names")))
_DROP_OLD_DEPLOYMENTS = text(
    """
DELETE FROM deployments AS old
USING unnest(:job_types, :job_names) AS k (job_type, job_name)
WHERE old.job_type = k.job_type AND old.job_name = k.job_name
  AND old.id <= (SELECT id FROM deployments AS newer
                 WHERE newer.job_type = k.job_type AND newer.job_name = k.job_name
                 ORDER BY id DESC OFFSET :kept LIMIT 1)
"""
).bindparams(*map(_names, ("job_types", "job_names")))

_LATEST_RUN = text(
    "SELECT json_build_array(r)::text FROM runs r WHERE job_name = :job_name ORDER BY run_id DESC LIMIT 1"
)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far the rows go.

    Attributes:
        stream: Whose events they were folded from.
        stream_created_at: Distinguishes that stream from another one of its name.
        sequence: Of the last event folded.
        replay_until: Until this sequence is folded, the rows are part of a replay.
        stored_at_ns: When the stream took that last event, in nanoseconds since 1970; 0: unknown.
    """

    stream: str
    stream_created_at: str
    sequence: int
    replay_until: int
    stored_at_ns: int = 0


_POSITION = select(*(positions.c[name] for name in Position.__struct_fields__)).where(
    positions.c.reader == PROJECTION
)


def take_lock(connection: Connection) -> bool:
    """Try to take the lock of the replica that projects, for as long as the session lives."""
    return connection.scalar(select(func.pg_try_advisory_lock(literal(_LOCK, BigInteger)))) is True


def load_position(connection: Connection) -> Position | None:
    """Returns the stored position; None before anything was projected."""
    row = connection.execute(_POSITION).one_or_none()
    return Position(**row._mapping) if row else None


def load(connection: Connection, keys: Keys) -> Fold:
    """Returns a fold that knows the stored rows of these keys."""
    run_keys, instance_keys, acknowledged = list(keys.runs), list(keys.instances), list(keys.acknowledged)
    result = connection.execute(
        _LOAD,
        {
            "run_jobs": [job_name for job_name, _ in run_keys],
            "run_ids": [run_id for _, run_id in run_keys],
            "jobs": list(keys.jobs),
            "runners": list(keys.runners),
            "instance_jobs": [job_name for job_name, _ in instance_keys],
            "instances": [instance for _, instance in instance_keys],
            "acknowledged_types": [job_type.value for job_type, _ in acknowledged],
            "acknowledged_jobs": [job_name for _, job_name in acknowledged],
        },
    )
    row = result.one()
    return Fold(
        _runs.decode(row[0]),
        _jobs.decode(row[1]),
        _instances.decode(row[2]),
        _acknowledgements.decode(row[3]),
    )


def move_position(connection: Connection, before: int, after: int, stored_at_ns: int) -> None:
    """Move the position; a rebuild that moves it meanwhile waits for this transaction, or this one for it.

    Args:
        connection: Of the projector.
        before: The position now.
        after: The position then.
        stored_at_ns: When the stream took the event at the new position.

    Raises:
        PositionMoved: The position is not `before`; nothing was changed.
    """
    values = {"before": before, "after": after, "at_ns": stored_at_ns}
    if connection.execute(_MOVE_POSITION, values).one_or_none() is None:
        raise PositionMoved(before)


def write(connection: Connection, fold: Fold) -> None:
    """Write what a fold changed."""
    _drop(connection, fold)
    _put(connection, _PUT_RUNS, fold.runs_to_put)
    _put_jobs(connection, fold)
    _put(connection, _PUT_INSTANCES, fold.instances_to_put)
    _put(connection, _PUT_ACKNOWLEDGEMENTS, fold.acknowledgements_to_put)
    if fold.failures:
        values = {"minutes": list(fold.failures), "counts": list(fold.failures.values())}
        connection.execute(_ADD_FAILURES, values)
        connection.execute(_DROP_OLD_FAILURES)
    _put_deployments(connection, fold)


def _put_deployments(connection: Connection, fold: Fold) -> None:
    put = fold.deployments_to_put
    _put(connection, _PUT_DEPLOYMENTS, put)
    if jobs_of := {(row.job_type, row.job_name) for row in put}:
        connection.execute(_DROP_OLD_DEPLOYMENTS, {**_job_keys(jobs_of), "kept": KEPT_DEPLOYMENTS})


def _job_keys(keys: Iterable[tuple[JobType, str]]) -> dict[str, list[str]]:
    ordered = sorted(keys)
    return {"job_types": [each.value for each, _ in ordered], "job_names": [name for _, name in ordered]}


def _put(connection: Connection, statement: TextClause, rows: list[Any]) -> None:
    if rows:
        connection.execute(statement, {"rows": _encoder.encode(rows).decode()})


def _drop(connection: Connection, fold: Fold) -> None:
    if names := list(fold.dropped_jobs):
        connection.execute(_DROP_RUNS_OF_JOBS, {"job_names": names})
        connection.execute(_DROP_JOBS, {"job_names": names})
    if names := list(fold.dropped_instance_jobs):
        connection.execute(_DROP_INSTANCES_OF_JOBS, {"job_names": names})
    if ended := list(fold.dropped_acknowledgements):
        values = zip(("job_types", "job_names", "kinds"), map(list, zip(*ended, strict=True)), strict=True)
        connection.execute(_DROP_ACKNOWLEDGEMENTS, dict(values))
    if fold.dropped_deployment_jobs:
        connection.execute(_DROP_DEPLOYMENTS, _job_keys(fold.dropped_deployment_jobs))
    if keys := list(fold.dropped_runs):
        connection.execute(
            _DROP_RUNS,
            {"job_names": [job_name for job_name, _ in keys], "run_ids": [run_id for _, run_id in keys]},
        )


def _put_jobs(connection: Connection, fold: Fold) -> None:
    """Jobs without runs go; those whose latest run was dropped get the latest of what is stored."""
    put, empty = [], []
    for job in fold.jobs_to_put:
        if job.run_count == 0:
            empty.append(job.job_name)
        elif job.job_name in fold.headless:
            put.append(msgspec.structs.replace(job, latest_run=_latest_run(connection, job)))
        else:
            put.append(job)
    if empty:
        connection.execute(_DROP_JOBS, {"job_names": empty})
    _put(connection, _PUT_JOBS, put)


def _latest_run(connection: Connection, job: JobRow) -> RunView:
    found = connection.scalar(_LATEST_RUN, {"job_name": job.job_name})
    return _runs.decode(found)[0]


def reset(
    connection: Connection, stream: str, created_at: datetime, sequence: int, replay_until: int
) -> None:
    """Drop every row and go back to before the first event, after `sequence`; notify a running projector.

    Only a rebuild that was asked for does so: what the stream has lost is lost for good with its rows.
    """
    _put_position(connection, stream, created_at, sequence, replay_until)
    connection.execute(
        text("TRUNCATE runs, jobs, instances, acknowledgements, deployments, failures, stream_losses")
    )
    connection.execute(select(func.pg_notify(RESET_CHANNEL, "")))


def place(
    connection: Connection,
    stream: str,
    created_at: datetime,
    sequence: int,
    replay_until: int,
    *,
    loss: str = "",
) -> None:
    """Go on after an event of a stream with the rows that are there, and note what was lost."""
    _put_position(connection, stream, created_at, sequence, replay_until)
    if loss:
        statement = insert(stream_losses).values(noticed_at=func.now(), loss=loss)
        connection.execute(statement.on_conflict_do_nothing())


def _put_position(
    connection: Connection, stream: str, created_at: datetime, sequence: int, replay_until: int
) -> None:
    values = {
        "stream": stream,
        "stream_created_at": created_at.isoformat(),
        "sequence": sequence,
        "replay_until": replay_until,
        "stored_at_ns": 0,
    }
    statement = insert(positions).values(reader=PROJECTION, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[positions.c.reader], set_=values))


def losses(connection: Connection) -> list[str]:
    """Returns what the stream has lost since the rows were begun, oldest first."""
    statement = select(stream_losses.c.loss).order_by(stream_losses.c.noticed_at)
    return list(connection.scalars(statement))


def has_tables(connection: Connection) -> bool:
    """Whether the tables exist."""
    missing = func.num_nulls(*(func.to_regclass(table.name) for table in metadata.sorted_tables))
    return connection.scalar(select(missing)) == 0


def has_rows(connection: Connection) -> bool:
    """Whether anything was ever projected into these tables."""
    any_row = or_(*(exists(select(literal(1)).select_from(table)) for table in (runs, jobs, instances)))
    return connection.scalar(select(any_row)) is True


def is_complete(connection: Connection) -> bool:
    """Whether the replay that the last reset began has reached its end."""
    stored = load_position(connection)
    return stored is not None and stored.sequence >= stored.replay_until
