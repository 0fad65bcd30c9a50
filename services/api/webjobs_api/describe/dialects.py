"""Descriptions of the first clients' routes → those of the same routes in the other dialects; pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from webjobs_rules.job import JobType

from webjobs_api.http.dialects import KUDU, KUDU_OLDER, KUDU_OLDEST, LEGACY, Dialect
from webjobs_api.http.kudu_responses import (
    KuduContinuousJob,
    KuduRun,
    KuduRuns,
    KuduSettingsChanged,
    KuduTriggeredJob,
)
from webjobs_api.http.legacy_responses import ContinuousJobJson, RunJson, RunsJson, TriggeredJobJson
from webjobs_api.http.operation import Answer, Operation, Schema, json_of

_AS_KUDU_WRITES: Mapping[Any, Any] = {
    RunJson: KuduRun,
    RunsJson: KuduRuns,
    TriggeredJobJson: KuduTriggeredJob,
    ContinuousJobJson: KuduContinuousJob,
}
_ANSWERS: Mapping[str, Mapping[int, Answer]] = {
    f"{method} /api/jobs/{{type}}/{{job}}/settings": {
        200: json_of(KuduSettingsChanged, "They are in effect.", Webjobs_Warning="One for each warning.")
    }
    for method in ("PATCH", "PUT")
}
"""Answers that have no body in the first clients' dialect."""

_OLD = "older prefixes"
_VARIANTS: Mapping[Dialect, str] = {KUDU: "in Kudu's dialect", KUDU_OLDER: _OLD, KUDU_OLDEST: _OLD}


def in_every_dialect(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """Every description, and the same under the other prefixes, of which two are deprecated."""
    described = dict(operations)
    for dialect, variant in _VARIANTS.items():
        for key, operation in operations.items():
            method, _, path = key.partition(" ")
            moved = _moved(path, dialect)
            if moved is not None:
                rewritten = _rewritten(key, operation, variant, deprecated=dialect is not KUDU)
                described.setdefault(f"{method} {moved}", rewritten)
    return described


def _moved(path: str, dialect: Dialect) -> str | None:
    """A path of the first dialect under another's prefix; None when that does not have it."""
    if path == LEGACY.all_jobs:
        return dialect.all_jobs
    for job_type in ("{type}", *(each.value for each in JobType)):
        prefix = LEGACY.jobs.replace("{type}", job_type)
        if path == prefix or path.startswith(f"{prefix}/"):
            return dialect.jobs.replace("{type}", job_type) + path.removeprefix(prefix)
    return None


def _rewritten(key: str, operation: Operation, variant: str, *, deprecated: bool) -> Operation:
    answers = {status: _as_kudu(answer) for status, answer in operation.answers.items()}
    answers |= _ANSWERS.get(key, {})
    return replace(
        operation,
        variant=variant,
        answers=answers,
        deprecated=operation.deprecated or deprecated,
    )


def _as_kudu(answer: Answer) -> Answer:
    return replace(answer, content={media: _schema(schema) for media, schema in answer.content.items()})


def _schema(schema: Schema) -> Schema:
    if isinstance(schema, dict):
        return {key: _schema(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_schema(value) for value in schema]
    return _AS_KUDU_WRITES.get(schema, schema) if isinstance(schema, type) else schema
