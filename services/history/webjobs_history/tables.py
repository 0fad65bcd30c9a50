"""The tables of the projection (SQLAlchemy Core); `migrations/` makes them, nothing here writes.

The columns of `runs`, `jobs`, `instances`, `acknowledgements` and `deployments` bear the names of the fields
of `RunView`, `JobRow`, `InstanceRow`, `AcknowledgementView` and `DeploymentView`: rows travel to and from
Postgres as JSON of these types.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

# "C": compared byte by byte, so that run ids sort by time in every database, and cheaply.
_NAME = Text(collation="C")
_INSTANT = DateTime(timezone=True)

# The primary key, read backwards, is also the index of newest-first pages.
runs = Table(
    "runs",
    metadata,
    Column("job_name", _NAME, primary_key=True),
    Column("run_id", _NAME, primary_key=True),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("arguments", Text),
    Column("digest", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("requested_at", _INSTANT, nullable=False),
    Column("started_at", _INSTANT),
    Column("ended_at", _INSTANT),
    Column("exit_code", BigInteger),
    Column("signal", Integer),
    Column("reason", Text),
    Column("evidence", Text, nullable=False),
    Column("has_error_log", Boolean, nullable=False),
    Column("scheduled_for", _INSTANT),
    Column("retry_of", Text),
    Column("rerun_of", Text),
    Column("next_run_id", Text),
    Column("next_attempt_at", _INSTANT),
    Column("output_log_bytes", BigInteger),
    Column("error_log_bytes", BigInteger),
    Column("dropped_lines", BigInteger),
    Column("cpu_seconds", Double),
    Column("peak_memory_bytes", BigInteger),
    Column("log_lines", BigInteger),
    Column("first_error_line", BigInteger),
    Column("result", Text),
    Column("result_bytes", BigInteger),
    Column("progress", Double),
    Column("progress_text", Text, nullable=False, server_default=""),
    Column("warnings", JSON, nullable=False, server_default="[]"),
    Column("imported_from", Text),
    # Read backwards, the index of newest-first pages of the runs of all jobs.
    Index("runs_by_status", "status", "run_id", "job_name"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_name", _NAME, primary_key=True),
    Column("run_count", Integer, nullable=False),
    Column("latest_run", JSON, nullable=False),
    Column("results", Text, nullable=False, server_default=""),
    Column("durations", JSON, nullable=False, server_default="[]"),
    Column("streak", Integer, nullable=False, server_default="0"),
    Column("failing_since", _INSTANT),
    Column("last_success", JSON),
)

instances = Table(
    "instances",
    metadata,
    Column("job_name", _NAME, primary_key=True),
    Column("instance", _NAME, primary_key=True),
    Column("boot", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("since", _INSTANT, nullable=False),
    Column("digest", Text, nullable=False),
    Column("exit_code", BigInteger),
    Column("reason", Text),
    Column("evidence", Text, nullable=False),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("crashing_since", _INSTANT),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("job_type", _NAME, primary_key=True),
    Column("job_name", _NAME, primary_key=True),
    Column("kind", _NAME, primary_key=True),
    Column("acknowledgement_id", Text, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("term", Text, nullable=False),
    Column("until", _INSTANT),
    Column("evidence", Text, nullable=False),
    Column("text", Text, nullable=False),
)

# Failed attempts of all jobs in each minute of the last day: the rows of runs do not last so long.
failures = Table(
    "failures",
    metadata,
    Column("minute", _INSTANT, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# Read backwards, the primary key is the index of newest-first pages of all jobs, the other one of one job.
deployments = Table(
    "deployments",
    metadata,
    Column("id", _NAME, primary_key=True),
    Column("job_type", _NAME, nullable=False),
    Column("job_name", _NAME, nullable=False),
    Column("requested_at", _INSTANT, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("ended_at", _INSTANT, nullable=False),
    Column("instance", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("script", Text, nullable=False),
    Column("warnings", JSON, nullable=False),
    Index("deployments_by_job", "job_type", "job_name", "id"),
)

# One row per reader of the event stream. `stream_created_at` distinguishes streams of one name, and
# `stored_at_ns`, when the event at `sequence` was stored, that event from another one. Until `replay_until`
# is reached, the rows are an incomplete replay and nothing is answered.
positions = Table(
    "positions",
    metadata,
    Column("reader", _NAME, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("stream_created_at", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("replay_until", BigInteger, nullable=False),
    Column("stored_at_ns", BigInteger, nullable=False, server_default="0"),
)

# What the stream of events has lost since these rows were begun: they cannot be rebuilt from it.
stream_losses = Table(
    "stream_losses",
    metadata,
    Column("noticed_at", _INSTANT, primary_key=True),
    Column("loss", Text, primary_key=True),
)
