"""Actions on many jobs."""

from collections.abc import Mapping

from webjobs_api.bulk_actions.handlers import PATH, BulkResultJson
from webjobs_api.bulk_actions.request import BulkActionJson
from webjobs_api.http.operation import Body, Operation, json_of

OPERATIONS: Mapping[str, Operation] = {
    f"POST {PATH}": Operation(
        tag="All jobs",
        summary="Run, cancel, enable or disable many jobs",
        description="Each job as by its own route. A job that fails does not stop the others, and is listed. "
        "With a filter: every job that GET /api/overview lists with it.",
        body=Body(
            description="The action, and either the jobs, at most 1,000, or a filter for them.",
            content={"application/json": BulkActionJson},
        ),
        answers={200: json_of(BulkResultJson, "What was done, and every failure.")},
        errors=(400, 413),
        error_texts={413: "It is about more than 1,000 jobs. Send several requests, or narrow the filter."},
        problems=True,
        needs_room=False,
    ),
}
