"""`/api/jobs/{type}/{job}/versions…`: versions of a job's files."""

from collections.abc import Mapping

from webjobs_api.http.operation import Answer, Operation, list_of
from webjobs_api.jobs.versions import VersionJson

TAG = "Both types of jobs"
_GONE = {410: "The files of this version are not kept any more."}


def version_operations(deployed: Answer) -> Mapping[str, Operation]:
    """The operations about versions; `deployed` is the answer to a deployment."""
    return {
        "GET /api/jobs/{type}/{job}/versions": Operation(
            tag=TAG,
            summary="List the versions of a job's files",
            description="At most 50 are remembered; of the newest the files are kept "
            "(`WEBJOBS_KEPT_VERSIONS`).",
            answers={200: list_of(VersionJson, "The present version first, then the one before.")},
            errors=(404, 409),
        ),
        "POST /api/jobs/{type}/{job}/versions/{digest}/restore": Operation(
            tag=TAG,
            summary="Restore an earlier version",
            description="Deploys its files again. The settings stay as they are. The first 8 digits of the "
            "digest or more name a version; restoring the present one changes nothing.",
            answers={200: deployed},
            errors=(404, 409, 410),
            error_texts=_GONE,
        ),
    }
