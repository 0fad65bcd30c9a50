"""The overview of all jobs."""

from collections.abc import Mapping

from webjobs_rules.job import JobType

from webjobs_api.http.operation import Operation, Parameter, json_of
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
                    "examples": ["6/triggered/hello"],
                },
                description="Only jobs after this one in the list, as `next` names it.",
            ),
        ),
        answers={200: json_of(OverviewJson, "The overview.", Link="Of the next page.")},
        errors=(400,),
        problems=True,
    ),
}
