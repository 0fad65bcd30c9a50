"""`GET /api/jobs/{type}/{job}/why`."""

from collections.abc import Mapping

from webjobs_api.http.operation import Operation, json_of
from webjobs_api.why.handlers import CausesJson

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/jobs/{type}/{job}/why": Operation(
        tag="Both types of jobs",
        summary="Say why a job does not run",
        description="Causes from a closed list, each with a code that is never renamed, a sentence with the "
        "facts, since when it holds, until when if it ends by itself, and what to do.",
        answers={200: json_of(CausesJson, "Every cause that holds; `running` when the job runs.")},
        errors=(404,),
    ),
}
