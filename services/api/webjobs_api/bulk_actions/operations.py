"""Actions on many jobs, and on many runs."""

from collections.abc import Mapping

from webjobs_api.bulk_actions import run_handlers
from webjobs_api.bulk_actions.handlers import PATH, BulkResultJson
from webjobs_api.bulk_actions.request import BulkActionJson
from webjobs_api.bulk_actions.run_handlers import BulkRunResultJson
from webjobs_api.bulk_actions.run_request import BulkRunActionJson
from webjobs_api.http.operation import Body, Operation, json_of

OPERATIONS: Mapping[str, Operation] = {
    f"POST {PATH}": Operation(
        tag="All jobs",
        summary="Run, cancel, enable, disable or acknowledge many jobs",
        description="Each job as by its own route. A job that fails does not stop the others, and is listed. "
        "With a filter: every job that GET /api/overview lists with it.",
        body=Body(
            description="The action, and either the jobs, at most 1,000, or a filter for them.",
            content={"application/json": BulkActionJson},
        ),
        answers={200: json_of(BulkResultJson, "What was done, and every failure.")},
        errors=(400, 413),
        error_texts={413: "It names more than 1,000 jobs, or more than 10,000 pass its filter."},
        problems=True,
        needs_room=False,
    ),
    f"POST {run_handlers.PATH}": Operation(
        tag="All jobs",
        summary="Cancel many runs, or run them again",
        description="Each run as by its own route. A run that fails does not stop the others, and is listed. "
        "With a filter: every run that GET /api/runs lists with it; of these, cancel is about those that "
        "have not ended.",
        body=Body(
            description="The action, and either the runs, at most 1,000, or a filter for them.",
            content={"application/json": BulkRunActionJson},
        ),
        answers={200: json_of(BulkRunResultJson, "What was done, and every failure.")},
        errors=(400, 413),
        error_texts={413: "It names more than 1,000 runs, or more than 10,000 pass its filter."},
        problems=True,
        needs_room=False,
    ),
}
