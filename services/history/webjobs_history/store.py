"""The projection in Postgres: loads the rows a batch asks for, and writes a fold with its position.

All rows travel as JSON in one parameter or one value: msgspec and Postgres write and read it many times
faster than a driver handles single columns.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Table
from webjobs_events.queries import RunView

from webjobs_history.database import Connection
from webjobs_history.domain.fold import Fold, Keys
from webjobs_history.domain.rows import InstanceRow, JobRow
from webjobs_history.errors import PositionMoved
from webjobs_history.tables import instances, jobs, metadata, runs

PROJECTION = "projection"
"""Reader name of the projector in `positions`."""

RESET_CHANNEL = "webjobs_history_reset"
"""Postgres channel on which the projector is notified that it has to start over."""

_runs = msgspec.json.Decoder(list[RunView])
_jobs = msgspec.json.Decoder(list[JobRow])
_instances = msgspec.json.Decoder(list[InstanceRow])
_encoder = msgspec.json.Encoder()

_LOAD = """
SELECT
  (SELECT coalesce(json_agg(r), '[]')::text
   FROM unnest($1::text[], $2::text[]) AS k (job_name, run_id) JOIN runs r USING (job_name, run_id)),
  (SELECT coalesce(json_agg(j), '[]')::text FROM jobs j WHERE job_name = ANY ($3::text[])),
  (SELECT coalesce(json_agg(i), '[]')::text
   FROM instances i
   WHERE instance = ANY ($6::text[])
      OR (job_name, instance) IN (SELECT * FROM unnest($4::text[], $5::text[])))
"""


def _upsert(table: Table) -> str:
    """Puts all rows of a JSON array; names of columns are those of the array's objects."""
    names = [column.name for column in table.columns]
    key = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name not in key)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) "
        f"SELECT {', '.join(names)} FROM json_populate_recordset(NULL::{table.name}, $1::text::json) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )


_PUT_RUNS = _upsert(runs)
_PUT_JOBS = _upsert(jobs)
_PUT_INSTANCES = _upsert(instances)


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


async def load_position(connection: Connection) -> Position | None:
    """The stored position; None before anything was projected."""
    row = await connection.fetchrow(
        "SELECT stream, stream_created_at, sequence, replay_until, stored_at_ns FROM positions "
        "WHERE reader = $1",
        PROJECTION,
    )
    return Position(**row) if row else None


async def load(connection: Connection, keys: Keys) -> Fold:
    """A fold that knows the stored rows of these keys."""
    run_keys, instance_keys = list(keys.runs), list(keys.instances)
    row = await connection.fetchrow(
        _LOAD,
        [job_name for job_name, _ in run_keys],
        [run_id for _, run_id in run_keys],
        list(keys.jobs),
        [job_name for job_name, _ in instance_keys],
        [instance for _, instance in instance_keys],
        list(keys.runners),
    )
    assert row is not None
    return Fold(_runs.decode(row[0]), _jobs.decode(row[1]), _instances.decode(row[2]))


async def write(connection: Connection, fold: Fold, before: int, after: int, stored_at_ns: int) -> None:
    """Write what a fold changed and move the position, both or neither.

    Args:
        connection: Of who projects.
        fold: With the changes.
        before: The position now.
        after: The position then.
        stored_at_ns: When the stream took the event at the new position.

    Raises:
        PositionMoved: The position is not `before`; nothing was written.
    """
    async with connection.transaction():
        # First the position: a rebuild that moves it meanwhile waits here or makes us wait here.
        moved = await connection.execute(
            "UPDATE positions SET sequence = $1, stored_at_ns = $4 WHERE reader = $2 AND sequence = $3",
            after,
            PROJECTION,
            before,
            stored_at_ns,
        )
        if moved != "UPDATE 1":
            raise PositionMoved(before)
        await _drop(connection, fold)
        if put_runs := fold.runs_to_put:
            await connection.execute(_PUT_RUNS, _encoder.encode(put_runs).decode())
        await _put_jobs(connection, fold)
        if put_instances := fold.instances_to_put:
            await connection.execute(_PUT_INSTANCES, _encoder.encode(put_instances).decode())


async def _drop(connection: Connection, fold: Fold) -> None:
    if names := list(fold.dropped_jobs):
        await connection.execute("DELETE FROM runs WHERE job_name = ANY ($1::text[])", names)
        await connection.execute("DELETE FROM jobs WHERE job_name = ANY ($1::text[])", names)
    if names := list(fold.dropped_instance_jobs):
        await connection.execute("DELETE FROM instances WHERE job_name = ANY ($1::text[])", names)
    if keys := list(fold.dropped_runs):
        await connection.execute(
            "DELETE FROM runs WHERE (job_name, run_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            [job_name for job_name, _ in keys],
            [run_id for _, run_id in keys],
        )


async def _put_jobs(connection: Connection, fold: Fold) -> None:
    """Jobs without runs go; those whose latest run was dropped get the latest of what is stored."""
    put = []
    for job in fold.jobs_to_put:
        if job.run_count == 0:
            await connection.execute("DELETE FROM jobs WHERE job_name = $1", job.job_name)
        elif job.job_name in fold.headless:
            put.append(msgspec.structs.replace(job, latest_run=await _latest_run(connection, job)))
        else:
            put.append(job)
    if put:
        await connection.execute(_PUT_JOBS, _encoder.encode(put).decode())


async def _latest_run(connection: Connection, job: JobRow) -> RunView:
    text = await connection.fetchval(
        "SELECT json_build_array(r)::text FROM runs r WHERE job_name = $1 ORDER BY run_id DESC LIMIT 1",
        job.job_name,
    )
    return _runs.decode(text)[0]


_PUT_POSITION = """
INSERT INTO positions (reader, stream, stream_created_at, sequence, replay_until, stored_at_ns)
VALUES ($1, $2, $3, $4, $5, 0)
ON CONFLICT (reader) DO UPDATE
SET stream = EXCLUDED.stream, stream_created_at = EXCLUDED.stream_created_at,
    sequence = EXCLUDED.sequence, replay_until = EXCLUDED.replay_until, stored_at_ns = 0
"""


async def reset(
    connection: Connection, stream: str, created_at: datetime, sequence: int, replay_until: int
) -> None:
    """Drop every row and go back to before the first event, after `sequence`; notify a running projector.

    Only a rebuild that was asked for does so: what the stream has lost is lost for good with its rows.
    """
    async with connection.transaction():
        await connection.execute(
            _PUT_POSITION, PROJECTION, stream, created_at.isoformat(), sequence, replay_until
        )
        await connection.execute("TRUNCATE runs, jobs, instances, stream_losses")
        await connection.execute("SELECT pg_notify($1, '')", RESET_CHANNEL)


async def place(
    connection: Connection,
    stream: str,
    created_at: datetime,
    sequence: int,
    replay_until: int,
    *,
    loss: str = "",
) -> None:
    """Go on after an event of a stream with the rows that are there, and note what was lost."""
    async with connection.transaction():
        await connection.execute(
            _PUT_POSITION, PROJECTION, stream, created_at.isoformat(), sequence, replay_until
        )
        if loss:
            await connection.execute(
                "INSERT INTO stream_losses (noticed_at, loss) VALUES (now(), $1) ON CONFLICT DO NOTHING", loss
            )


async def losses(connection: Connection) -> list[str]:
    """What the stream has lost since the rows were begun, oldest first."""
    rows = await connection.fetch("SELECT loss FROM stream_losses ORDER BY noticed_at")
    return [row["loss"] for row in rows]


async def has_tables(connection: Connection) -> bool:
    """Whether the tables exist."""
    names = ", ".join(f"to_regclass('{table.name}')" for table in metadata.sorted_tables)
    return await connection.fetchval(f"SELECT num_nulls({names}) = 0") is True


async def has_rows(connection: Connection) -> bool:
    """Whether anything was ever projected into these tables."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM runs) OR EXISTS (SELECT FROM jobs) OR EXISTS (SELECT FROM instances)"
        )
    )


async def is_complete(connection: Connection) -> bool:
    """Whether the replay that the last reset began has reached its end."""
    stored = await load_position(connection)
    return stored is not None and stored.sequence >= stored.replay_until
