"""The statement behind `AllRunsQuery`: a page of the runs of all jobs, newest first.

Each status is one ordered scan of the index `runs_by_status`, and Postgres merges them: the cost of a page is
that of its rows, however many runs there are. Only filters by trigger and runner look at rows they leave out.
"""

from typing import Any

from sqlalchemy import ARRAY, Integer, Text, bindparam, text
from sqlalchemy.sql.elements import TextClause
from webjobs_events.queries import AllRunsQuery, TriggerKind
from webjobs_rules.status import RUN_STATUSES

from webjobs_history.store import PROJECTION

_OF_TRIGGER = {
    TriggerKind.SCHEDULE: "(scheduled_for IS NOT NULL AND rerun_of IS NULL)",
    TriggerKind.RERUN: "rerun_of IS NOT NULL",
    TriggerKind.API: "(scheduled_for IS NULL AND rerun_of IS NULL AND imported_from IS NULL)",
    TriggerKind.IMPORT: "imported_from IS NOT NULL",
}

_STATEMENT = """
SELECT sequence, replay_until, stream_created_at,
  ARRAY(SELECT row_to_json(page)::text
        FROM (SELECT * FROM ({pages}) AS pages ORDER BY run_id DESC, job_name DESC LIMIT :rows) AS page),
  ARRAY(SELECT (waiting.place - 1)::text
        FROM unnest(:waiting_names, :waiting_ids) WITH ORDINALITY AS waiting (job_name, run_id, place)
        JOIN runs USING (job_name, run_id)),
  ARRAY(SELECT row_to_json(run)::text
        FROM runs AS run
        WHERE run.job_name = ANY (:queued) AND run.next_run_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM runs AS next
                          WHERE next.job_name = run.job_name AND next.run_id = run.next_run_id))
FROM positions WHERE reader = :reader
"""

_TYPES: dict[str, Any] = {
    "rows": Integer(),
    "names": ARRAY(Text()),
    "instances": ARRAY(Text()),
    "queued": ARRAY(Text()),
    "waiting_names": ARRAY(Text()),
    "waiting_ids": ARRAY(Text()),
}


def all_runs_statement(query: AllRunsQuery, limit: int) -> tuple[TextClause, dict[str, Any]]:
    """The statement and its values.

    It returns one row: the position, until where the rows are an incomplete replay, when the stream was made,
    the JSON of at most `limit` + 1 runs, the places of those in `query.waiting` that are known, and the runs
    that are followed by an attempt that is not known yet. No row before anything was ever projected.
    """
    values: dict[str, Any] = {
        "reader": PROJECTION,
        "rows": limit + 1,
        "queued": list(query.queued),
        "waiting_names": [name for name, _ in query.waiting],
        "waiting_ids": [run_id for _, run_id in query.waiting],
    }
    conditions = _conditions(query, values)
    pages = []
    for number, status in enumerate(query.statuses or RUN_STATUSES):
        values[f"status_{number}"] = status.value
        where = " AND ".join([f"status = :status_{number}", *conditions])
        pages.append(f"(SELECT * FROM runs WHERE {where} ORDER BY run_id DESC, job_name DESC LIMIT :rows)")
    statement = text(_STATEMENT.format(pages=" UNION ALL ".join(pages)))
    typed = [bindparam(name, type_=type_) for name, type_ in _TYPES.items() if name in values]
    return statement.bindparams(*typed), values


def _conditions(query: AllRunsQuery, values: dict[str, Any]) -> list[str]:
    conditions = []
    if query.before is not None:
        values["before_id"], values["before_name"] = query.before[1], query.before[0]
        conditions.append("(run_id, job_name) < (:before_id, :before_name)")
    if query.since is not None:
        values["since"] = query.since
        conditions.append("run_id >= :since")
    if query.until is not None:
        values["until"] = query.until
        conditions.append("run_id < :until")
    if query.job_names:
        values["names"] = list(query.job_names)
        conditions.append("job_name = ANY (:names)")
    if query.instances:
        values["instances"] = list(query.instances)
        conditions.append("instance = ANY (:instances)")
    if query.triggers:
        conditions.append(f"({' OR '.join(_OF_TRIGGER[each] for each in query.triggers)})")
    return conditions
