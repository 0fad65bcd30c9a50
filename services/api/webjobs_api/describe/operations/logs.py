"""What scripts wrote, as text."""

from collections.abc import Mapping
from dataclasses import replace

from webjobs_api.describe.operation import Operation, Parameter, text
from webjobs_api.describe.operations.files import READ

_FOLLOW = Parameter(
    name="follow",
    schema={"type": "string", "examples": ["1"]},
    description="With 1 or true, go on as more is written, until the run has ended or the client leaves.",
)


def _log(summary: str, description: str = "") -> Operation:
    return Operation(
        tag="Logs",
        summary=summary,
        description=description,
        query=(_FOLLOW,),
        answers={200: text("What was written until now, in UTF-8.")},
        errors=(404,),
    )


_LOGS = {
    "data/jobs/triggered/{job}/{id}/{file}": replace(
        READ,
        tag="Logs",
        summary="Read a run's log, or another file of its folder",
        description="`output_{id}.log` and `output_log.txt` have all lines, `error_{id}.log` what came from "
        "standard error. Logs come from NATS, other files from the runner's disk.",
        query=(_FOLLOW, *READ.query),
    ),
    "data/jobs/continuous/{job}/job.log": _log(
        "Read a continuous job's own log", "The first lines of each start, of all instances."
    ),
    "data/jobs/continuous/{job}/job_log.txt": _log(
        "Read a continuous job's own log by Kudu's name", "The first lines of each start, of all instances."
    ),
    "LogFiles/Application/continuous/{job}.log": _log("Read everything a continuous job wrote"),
}

OPERATIONS: Mapping[str, Operation] = {
    f"GET {prefix}/{path}": operation for path, operation in _LOGS.items() for prefix in ("/vfs", "/api/vfs")
}
