"""Runs of all jobs."""

from collections.abc import Mapping

from webjobs_events.queries import TriggerKind

from webjobs_api.backends.run_filter import DEFAULT_RUNS, MAX_RUNS, STATUS_WORDS
from webjobs_api.http.measured_run import AllRuns, MeasuredRun
from webjobs_api.http.operation import Operation, Parameter, json_of
from webjobs_api.http.parameters import any_of

_INSTANT = {"type": "string", "examples": ["2026-01-02T03:04:05Z"]}


OPERATIONS: Mapping[str, Operation] = {
    "GET /api/runs": Operation(
        tag="All jobs",
        summary="List the runs of all jobs",
        description="Newest first. `?status=Running` lists what runs now. Filters may be repeated; all but "
        "`job` also take several values separated by commas.",
        query=(
            any_of("status", {"type": "string", "enum": list(STATUS_WORDS)}, "Only runs with these."),
            any_of("job", {"type": "string", "minLength": 1}, "Only runs of these jobs."),
            any_of("type", {"type": "string", "enum": ["triggered"]}, "Only triggered jobs have runs."),
            any_of("trigger", {"type": "string", "enum": list(TriggerKind)}, "Only runs started by these."),
            any_of("runner", {"type": "string", "pattern": "^[0-9a-f]{6}$"}, "Only runs on these runners."),
            Parameter(
                name="since", schema=_INSTANT, description="Only runs requested at this instant or later."
            ),
            Parameter(name="until", schema=_INSTANT, description="Only runs requested before this instant."),
            Parameter(
                name="limit",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_RUNS, "default": DEFAULT_RUNS},
                description="At most so many runs.",
            ),
            Parameter(
                name="before",
                schema={"type": "string", "examples": ["201311080256000000"]},
                description="Only runs after this one in the list, as `next` names it; or a run id.",
            ),
        ),
        has_etag=True,
        answers={200: json_of(AllRuns, "A page of runs.", Link="Of the next page.")},
        errors=(400,),
        problems=True,
    ),
    "GET /api/runs/{job}/{id}": Operation(
        tag="All jobs",
        summary="Get a run with what it has used",
        description="As the run is in the list, with CPU time, peak memory and lines of its log.",
        has_etag=True,
        answers={200: json_of(MeasuredRun, "The run.")},
        errors=(400, 404),
        problems=True,
    ),
}
