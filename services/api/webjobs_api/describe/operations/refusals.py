"""What was refused, of all jobs."""

from collections.abc import Mapping

from webjobs_api.describe.operation import Operation, json_of
from webjobs_api.jobs.refusal_list import RefusalJson

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/refusals": Operation(
        tag="All jobs",
        summary="List refusals that are not fixed yet",
        description="Uploads and settings that were sent to the api, and folders on the disks of live "
        "runners. A later deployment of the job, or its deletion, clears all; a folder also its removal.",
        answers={200: json_of(list[RefusalJson], "By type and name.")},
    ),
}
