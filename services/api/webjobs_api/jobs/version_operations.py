"""`/api/jobs/{type}/{job}/versions…`: versions of a job's files."""

from collections.abc import Mapping

from webjobs_api.http.operation import Answer, Operation, Parameter, json_of, list_of
from webjobs_api.jobs.version_diff import AGAINST, VersionDiffJson
from webjobs_api.jobs.versions import VersionJson

TAG = "Both types of jobs"
_GONE = {410: "The files of this version are not kept any more."}

_AGAINST = Parameter(
    name=AGAINST,
    schema={"type": "string", "pattern": "^[0-9a-f]{8,64}$"},
    description="The digest of the version to compare with, or the beginning of it; else the one before.",
)


def version_operations(deployed: Answer, goes_on: Answer, prefer: Parameter) -> Mapping[str, Operation]:
    """The operations about versions; the arguments are answers to a deployment, and its header."""
    return {
        "GET /api/jobs/{type}/{job}/versions": Operation(
            tag=TAG,
            summary="List the versions of a job's files",
            description="At most 50 are remembered; of the newest the files are kept "
            "(`WEBJOBS_KEPT_VERSIONS`).",
            answers={200: list_of(VersionJson, "The present version first, then the one before.")},
            errors=(404, 409),
        ),
        "GET /api/jobs/{type}/{job}/versions/{digest}/diff": Operation(
            tag=TAG,
            summary="Compare a version with another one",
            description="Files that were added, removed and changed, short texts line by line; and "
            "settings by key, as they were when each version was deployed.",
            query=(_AGAINST,),
            answers={200: json_of(VersionDiffJson, "What differs.")},
            errors=(404, 409, 410),
            error_texts=_GONE,
            viewers=False,
        ),
        "POST /api/jobs/{type}/{job}/versions/{digest}/restore": Operation(
            tag=TAG,
            summary="Restore an earlier version",
            description="Deploys its files again. The settings stay as they are. The first 8 digits of the "
            "digest or more name a version; restoring the present one changes nothing.",
            headers=(prefer,),
            answers={200: deployed, 202: goes_on},
            errors=(404, 409, 410),
            error_texts=_GONE,
        ),
    }
