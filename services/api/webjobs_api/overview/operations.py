"""The overview of all jobs, and acknowledgements of what needs attention."""

from collections.abc import Mapping

from webjobs_rules.job import JobType

from webjobs_api.http.operation import Body, Operation, Parameter, json_of, list_of, nothing
from webjobs_api.overview.acknowledge_request import AcknowledgeJson
from webjobs_api.overview.acknowledgement_handlers import PATH as ACKNOWLEDGEMENTS
from webjobs_api.overview.acknowledgement_json import AcknowledgementJson
from webjobs_api.overview.overview_json import OverviewJson
from webjobs_api.overview.selection import DEFAULT_JOBS, MAX_JOBS, JobState

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/overview": Operation(
        tag="All jobs",
        summary="Show all jobs at a glance",
        description="What needs attention, figures, what runs, what is due next, and a page of jobs. The "
        "parameters select the jobs of the page; all else is about all jobs.",
        query=(
            Parameter(
                name="filter",
                schema={"type": "string", "enum": list(JobState)},
                description="Only jobs that are this.",
            ),
            Parameter(
                name="text",
                schema={"type": "string", "maxLength": 200},
                description="Only jobs with this in their name, in any case.",
            ),
            Parameter(
                name="type",
                schema={"type": "string", "enum": list(JobType)},
                description="Only jobs of this type.",
            ),
            Parameter(
                name="limit",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_JOBS, "default": DEFAULT_JOBS},
                description="At most so many jobs.",
            ),
            Parameter(
                name="after",
                schema={
                    "type": "string",
                    "pattern": f"^[0-9]{{1,2}}/({'|'.join(JobType)})/.+",
                    "examples": ["7/triggered/hello"],
                },
                description="Only jobs after this one in the list, as `next` names it.",
            ),
        ),
        answers={200: json_of(OverviewJson, "The overview.", Link="Of the next page.")},
        errors=(400,),
        problems=True,
    ),
    f"GET {ACKNOWLEDGEMENTS}": Operation(
        tag="All jobs",
        summary="List the acknowledgements in force",
        description="By type and name of the job, then those of hooks.",
        answers={200: list_of(AcknowledgementJson, "The acknowledgements.")},
        problems=True,
    ),
    f"POST {ACKNOWLEDGEMENTS}": Operation(
        tag="All jobs",
        summary="Acknowledge that a job or a hook needs attention",
        description="What is acknowledged is shown apart. It ends as its term says, when the job has "
        "recovered or the hook delivers, or when it is withdrawn. One of the same reason replaces an "
        "earlier one.",
        body=Body(
            description="What is acknowledged, until when, and why.",
            content={"application/json": AcknowledgeJson},
        ),
        answers={
            200: json_of(AcknowledgementJson, "The same one is in force already."),
            201: json_of(AcknowledgementJson, "The acknowledgement."),
        },
        errors=(400, 404, 409, 413),
        error_texts={409: "The job or hook needs no attention, or not for these reasons."},
        problems=True,
        needs_room=False,
    ),
    f"DELETE {ACKNOWLEDGEMENTS}/{{acknowledgement}}": Operation(
        tag="All jobs",
        summary="Withdraw an acknowledgement",
        answers={204: nothing("It is withdrawn.")},
        errors=(404,),
        error_texts={404: "There is no acknowledgement with this id that is in force."},
        problems=True,
    ),
}
