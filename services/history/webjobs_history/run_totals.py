"""The statement behind `RunTotalsQuery`: how many runs there are of a kind, at a cost that has a bound.

The index `runs_by_status` counts what runs; what waits is looked up run by run. What failed is counted as it
happens, as retention removes runs.
"""

from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, text
from webjobs_events.queries import RunTotalsQuery
from webjobs_rules.run_id import instant_of

from webjobs_history.store import PROJECTION
from webjobs_history.tables import runs

_MOST_COUNTED = 10_000  # runs
_LONGEST = 100  # runs
_ARGUMENTS = 200  # characters

_COLUMNS = ", ".join(
    f"left(arguments, {_ARGUMENTS}) AS arguments" if column.name == "arguments" else column.name
    for column in runs.columns
)

# A command in the queue is that of all attempts of its run: the last known one shows whether it waits.
RUN_TOTALS = text(
    f"""
WITH RECURSIVE attempts AS (
  SELECT runs.job_name, runs.status, runs.next_run_id
  FROM unnest(:waiting_names, :waiting_ids) AS waiting (job_name, run_id) JOIN runs USING (job_name, run_id)
  UNION ALL
  SELECT next.job_name, next.status, next.next_run_id
  FROM attempts JOIN runs AS next ON next.job_name = attempts.job_name AND next.run_id = attempts.next_run_id
)
SELECT sequence, replay_until, stream_created_at,
  ARRAY(SELECT row_to_json(run)::text
        FROM (SELECT {_COLUMNS} FROM runs WHERE status = 'Running'
              ORDER BY run_id, job_name LIMIT {_LONGEST}) AS run),
  ARRAY[
    (SELECT count(*) FROM (SELECT FROM runs WHERE status = 'Running' LIMIT {_MOST_COUNTED}) AS found),
    (SELECT coalesce(sum(count), 0) FROM failures WHERE minute >= :failed_since),
    (SELECT count(*) FROM attempts WHERE next_run_id IS NULL AND status <> 'Initializing')
  ]::text[]
FROM positions WHERE reader = '{PROJECTION}'
"""
).bindparams(*(bindparam(name, type_=ARRAY(Text())) for name in ("waiting_names", "waiting_ids")))
"""One row: the position as in every statement, at most 100 runs that run, and the counts of those that run,
that failed, and that do not wait any more."""


def run_totals_values(query: RunTotalsQuery) -> dict[str, Any]:
    """The values of the statement."""
    return {
        "failed_since": instant_of(query.failed_since).replace(second=0, microsecond=0),
        "waiting_names": [name for name, _ in query.waiting],
        "waiting_ids": [run_id for _, run_id in query.waiting],
    }
