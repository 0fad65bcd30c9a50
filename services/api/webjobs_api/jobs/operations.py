"""`/api/jobs…`: the dialect of the first WebJobs."""

from collections.abc import Mapping
from typing import Any

from webjobs_api.http.deployment_json import DeploymentJson
from webjobs_api.http.if_running import IF_RUNNING, IfRunning, JoinedRunJson
from webjobs_api.http.legacy_responses import ContinuousJobJson, RunJson, RunsJson, TriggeredJobJson
from webjobs_api.http.operation import JSON, Body, Operation, Parameter, json_of, list_of, nothing
from webjobs_api.http.parameters import RUN_ID
from webjobs_api.http.requests import MAX_PAGE, MOST_REASON
from webjobs_api.jobs.dependencies import DependenciesJson
from webjobs_api.jobs.refusal_list import RefusalJson
from webjobs_api.jobs.run_imports import ImportJson
from webjobs_api.jobs.script_choice import FileNamesJson, ScriptChoiceJson
from webjobs_api.jobs.version_operations import version_operations

_ALL, _TRIGGERED, _CONTINUOUS, _BOTH = "All jobs", "Triggered jobs", "Continuous jobs", "Both types of jobs"

ARGUMENTS = Parameter(
    name="arguments",
    schema={"type": "string", "examples": ["--name 'Ann B'"]},
    description="Arguments of the script, at most 32 KiB, split as a shell splits them, without a shell.",
)
ARGUMENTS_BODY = Body(
    description="The arguments, where the query does not name them. Another field is refused.",
    content={
        media: {
            "type": "object",
            "properties": {"arguments": {"type": "string"}},
            "additionalProperties": False,
        }
        for media in (JSON, "application/x-www-form-urlencoded")
    },
    is_required=False,
)
DISPOSITION = Parameter(
    name="Content-Disposition",
    schema={"type": "string", "examples": ["attachment; filename=run.sh"]},
    description="Names the script, unless the body is an archive.",
)
PAGE = (
    Parameter(
        name="limit",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "examples": [50]},
        description="At most so many runs; without it, as many as an answer may hold.",
    ),
    Parameter(
        name="before",
        schema=RUN_ID,
        description="Only runs older than the one with this id: the last of the page before.",
    ),
)
UPLOAD = Body(
    description="One script, an archive of all files of the job, or a form with one of these as its file.",
    content={"application/octet-stream": {}, "application/zip": {}, "multipart/form-data": {}},
)
_RUN_ACCEPTED = nothing("The run is accepted; from now on every answer shows it.", Location="Of the run.")
_RUN_JOINED = json_of(JoinedRunJson, "With `if_running=join`: the run that is there.", Location="Of the run.")
IF_RUNNING_PARAMETER = Parameter(
    name=IF_RUNNING,
    schema={"type": "string", "enum": list(IfRunning), "default": IfRunning.FAIL.value},
    description="When the job runs already: `fail` does what its settings say, by default 409; `join` "
    "returns the newest run that waits or goes on; `queue` starts one that waits for its turn.",
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "examples": ["5f0c1d6e"]},
    description="A key sent again within two days returns the same run, also when the response was lost.",
)
_CANCEL = Operation(
    tag=_TRIGGERED,
    summary="Cancel a run",
    description="It ends as Aborted, reason cancelled, when none of its processes is left.",
    query=(
        Parameter(
            name="reason",
            schema={"type": "string", "minLength": 1, "maxLength": MOST_REASON, "examples": ["wrong input"]},
            description="Why, as one line; the evidence of the run keeps it.",
        ),
    ),
    answers={202: nothing("It is being ended.", Location="Of the run.")},
    errors=(400, 404, 409),
    error_texts={409: "The run has ended already."},
    problems=True,
    needs_room=False,
)
_WARNED = {"Webjobs_Warning": "One for each warning about the job."}
_IF_MATCH = Parameter(
    name="If-Match",
    schema={"type": "string"},
    description="ETags of the settings; nothing is changed when they have another one by now.",
)
_SETTINGS_ARE_OTHERS = {412: "The settings are not those that If-Match names. Read them again."}
_ANY_JOB = {"anyOf": [TriggeredJobJson, ContinuousJobJson]}
_DEPLOYED = json_of(_ANY_JOB, "Deployed: the job as its GET shows it.", **_WARNED)
GOES_ON = json_of(
    DeploymentJson,
    "It takes longer than the request waits, and goes on.",
    Location="Of the deployment, which says how far it is and how it ended.",
    Preference_Applied="What was heeded of Prefer.",
)
PREFER = Parameter(
    name="Prefer",
    schema={"type": "string", "examples": ["respond-async"]},
    description="`respond-async` asks for 202 at once, `wait=10` after 10 s; without it, a deployment is "
    "waited for 45 s (RFC 7240).",
)
UPGRADE = Parameter(
    name="upgrade",
    schema={"type": "string", "examples": ["true"]},
    description="With true, versions of packages are chosen again, though the same ones are declared.",
)
_DELETED = nothing("Deleted, or was not there.")
_RECURSIVE = Parameter(
    name="recursive",
    schema={"type": "string", "examples": ["true"]},
    description="Must be true or 1: a job is only deleted with everything in it.",
    is_required=True,
)

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/jobs": Operation(
        tag=_ALL,
        summary="List all jobs",
        description="Triggered jobs first, each type in name order.",
        has_etag=True,
        answers={200: list_of(_ANY_JOB, "Every job.")},
    ),
    "POST /api/script-choice": Operation(
        tag=_ALL,
        summary="Ask which script a runner would choose",
        description="By names alone, before anything is sent. Nothing is changed.",
        body=Body(
            description="Paths of the files below the folder of a job, at most 20,000.",
            content={JSON: FileNamesJson},
        ),
        answers={200: json_of(ScriptChoiceJson, "The choice; `script` is null when there is none.")},
        errors=(400, 413),
        error_texts={413: "The body is too large. Name only files at the top of the folder."},
        problems=True,
        needs_room=False,
    ),
    "GET /api/jobs/triggered": Operation(
        tag=_TRIGGERED,
        summary="List triggered jobs",
        has_etag=True,
        answers={200: list_of(TriggeredJobJson, "In name order, each with its latest run.")},
    ),
    "POST /api/jobs/triggered/{job}/run": Operation(
        tag=_TRIGGERED,
        summary="Run a job",
        description="Once, on any runner. Of one job there is one run at a time, unless its settings say "
        "otherwise. With an Idempotency-Key errors are problem documents.",
        query=(ARGUMENTS, IF_RUNNING_PARAMETER),
        headers=(IDEMPOTENCY_KEY,),
        body=ARGUMENTS_BODY,
        answers={200: _RUN_JOINED, 202: _RUN_ACCEPTED},
        errors=(404, 409, 413, 422),
        error_texts={422: "The key was used for another request."},
        problems=IDEMPOTENCY_KEY.name,
    ),
    "GET /api/jobs/triggered/{job}": Operation(
        tag=_TRIGGERED,
        summary="Read a triggered job",
        has_etag=True,
        answers={200: json_of(TriggeredJobJson, "The job with its latest run.", **_WARNED)},
        errors=(404,),
    ),
    "GET /api/jobs/triggered/{job}/history": Operation(
        tag=_TRIGGERED,
        summary="List the runs of a job",
        query=PAGE,
        has_etag=True,
        answers={200: json_of(RunsJson, "The runs that are kept, newest first.")},
        errors=(404,),
    ),
    "GET /api/jobs/triggered/{job}/history/{id}": Operation(
        tag=_TRIGGERED,
        summary="Read a run",
        has_etag=True,
        answers={200: json_of(RunJson, "The run.")},
        errors=(404,),
    ),
    "DELETE /api/jobs/triggered/{job}/history/{id}": _CANCEL,
    "POST /api/jobs/triggered/{job}/history/{id}/cancel": _CANCEL,
    "POST /api/jobs/triggered/{job}/history/{id}/rerun": Operation(
        tag=_TRIGGERED,
        summary="Run again",
        description="Starts a new run of the job as it is now, with the given arguments, else with "
        "those of this run.",
        query=(ARGUMENTS, IF_RUNNING_PARAMETER),
        headers=(IDEMPOTENCY_KEY,),
        body=ARGUMENTS_BODY,
        answers={200: _RUN_JOINED, 202: _RUN_ACCEPTED},
        errors=(404, 409, 422),
        error_texts={422: "The key was used for another request."},
        problems=True,
    ),
    "POST /api/jobs/triggered/{job}/import": Operation(
        tag=_TRIGGERED,
        summary="Import past runs",
        description="Adds runs that Azure recorded to the history of a job. The body is a zip archive of the "
        "folder `data/jobs/triggered/JOB`: `ID/status`, `ID/output_log.txt` and `ID/error_log.txt` of each "
        "run, at most 1,000. Sent again, it changes nothing. No hook is called, and statistics stay.",
        body=Body(
            description="An archive with the folder of each run, or a form with it as its file.",
            content={"application/zip": {}, "multipart/form-data": {}},
        ),
        answers={200: json_of(ImportJson, "What became of each run.")},
        errors=(400, 404, 409, 413, 415),
        problems=True,
    ),
    "GET /api/jobs/continuous": Operation(
        tag=_CONTINUOUS,
        summary="List continuous jobs",
        has_etag=True,
        answers={200: list_of(ContinuousJobJson, "In name order.")},
    ),
    "GET /api/jobs/continuous/{job}": Operation(
        tag=_CONTINUOUS,
        summary="Read a continuous job",
        has_etag=True,
        answers={
            200: json_of(
                ContinuousJobJson, "The job with the status of its most telling instance.", **_WARNED
            )
        },
        errors=(404,),
    ),
    "POST /api/jobs/continuous/{job}/start": Operation(
        tag=_CONTINUOUS,
        summary="Enable a job",
        answers={200: nothing("The job is enabled.")},
        errors=(404, 409),
    ),
    "POST /api/jobs/continuous/{job}/stop": Operation(
        tag=_CONTINUOUS,
        summary="Disable a job",
        description="Its processes are stopped on every runner, and it stays disabled over restarts.",
        answers={200: nothing("The job is disabled.")},
        errors=(404, 409),
        needs_room=False,
    ),
    "POST /api/jobs/continuous/{job}/restart": Operation(
        tag=_CONTINUOUS,
        summary="Restart a job",
        description="On every runner that runs it, its processes are stopped as a stop does, and started "
        "again. A delay before its next start ends at once.",
        answers={200: nothing("The restart is requested.")},
        errors=(404, 409),
        error_texts={409: "The job is stopped, or not enabled, or WEBJOBS_STOPPED is set."},
        needs_room=False,
    ),
    "PUT /api/jobs/{type}/{job}": Operation(
        tag=_BOTH,
        summary="Deploy a job",
        description="The body becomes all of its files. When it fails, the version before stays as it was.",
        query=(UPGRADE,),
        headers=(DISPOSITION, PREFER),
        body=UPLOAD,
        answers={200: _DEPLOYED, 202: GOES_ON},
        errors=(409, 413, 415),
    ),
    "DELETE /api/jobs/{type}/{job}": Operation(
        tag=_BOTH,
        summary="Delete a job",
        description="With its logs and its history.",
        answers={200: _DELETED},
        errors=(409,),
    ),
    "GET /api/jobs/{type}/{job}/settings": Operation(
        tag=_BOTH,
        summary="Read a job's settings",
        has_etag=True,
        answers={200: json_of(dict[str, Any], "The content of settings.job; empty when there is none.")},
        errors=(404,),
    ),
    "PUT /api/jobs/{type}/{job}/settings": Operation(
        tag=_BOTH,
        summary="Replace a job's settings",
        body=Body(
            description="The new content of settings.job.", content={"application/json": dict[str, Any]}
        ),
        headers=(_IF_MATCH,),
        answers={200: nothing("They are in effect.", **_WARNED)},
        errors=(404, 409, 412, 413),
        error_texts=_SETTINGS_ARE_OTHERS,
    ),
    "PATCH /api/jobs/{type}/{job}/settings": Operation(
        tag=_BOTH,
        summary="Change some of a job's settings",
        description="A JSON merge patch (RFC 7396): null removes a key, objects are merged, other keys "
        "stay. It is merged into the settings as they are then: of two patches at a time none is lost.",
        headers=(_IF_MATCH,),
        body=Body(
            description="What changes in settings.job.",
            content={"application/merge-patch+json": dict[str, Any], "application/json": dict[str, Any]},
        ),
        answers={200: nothing("They are in effect.", **_WARNED)},
        errors=(404, 409, 412, 413, 415),
        error_texts=_SETTINGS_ARE_OTHERS,
    ),
    "GET /api/jobs/{type}/{job}/dependencies": Operation(
        tag=_BOTH,
        summary="Read the dependencies of a job",
        description="The packages that its lock names, the jobs that share it, and its last preparation.",
        query=(
            Parameter(
                name="lock",
                schema={"type": "string", "examples": ["true"]},
                description="With true, the lock itself too.",
            ),
        ),
        answers={200: json_of(DependenciesJson, "The dependencies; `kind` is null when there are none.")},
        errors=(400, 404, 409),
    ),
    **version_operations(_DEPLOYED, GOES_ON, PREFER),
    "GET /api/triggeredwebjobsswagger": Operation(
        tag=_TRIGGERED,
        summary="Describe every triggered job as an operation",
        has_etag=True,
        answers={200: json_of(dict[str, Any], "A Swagger 2.0 document.")},
    ),
    "PUT /api/zip/site/wwwroot/App_Data/jobs/{type}/{job}": Operation(
        tag=_BOTH,
        summary="Lay an archive over a job's files",
        description="Adds and replaces, and removes nothing.",
        headers=(DISPOSITION, PREFER),
        body=UPLOAD,
        answers={200: _DEPLOYED, 202: GOES_ON},
        errors=(409, 413, 415),
    ),
    "DELETE /api/vfs/site/wwwroot/App_Data/jobs/{type}/{job}": Operation(
        tag=_BOTH,
        summary="Delete a job by its folder",
        query=(_RECURSIVE,),
        answers={200: _DELETED},
        errors=(404, 409, 412),
    ),
    "DELETE /vfs/site/wwwroot/App_Data/jobs/{type}/{job}": Operation(
        tag=_BOTH,
        summary="Delete a job by its folder",
        query=(_RECURSIVE,),
        answers={200: _DELETED},
        errors=(404, 409, 412),
    ),
    "GET /api/refusals": Operation(
        tag="All jobs",
        summary="List refusals that are not fixed yet",
        description="Uploads and settings that were sent to the api, and folders on the disks of live "
        "runners. A later deployment of the job, or its deletion, clears all; a folder also its removal.",
        answers={200: json_of(list[RefusalJson], "By type and name.")},
    ),
}
