"""Schedules of triggered jobs."""

from collections.abc import Mapping

from webjobs_api.http.operation import Operation, Parameter, json_of, text
from webjobs_api.schedules.preview import MOST_DUE_TIMES, ScheduleJson

_NEXT = Parameter(
    name="next",
    schema={"type": "integer", "minimum": 0, "maximum": MOST_DUE_TIMES, "default": 10},
    description="How many due times to look ahead.",
)


def _log() -> Operation:
    return Operation(
        tag="Logs",
        summary="Read the scheduler log of a triggered job",
        description="A line for each recorded due time, about the last megabyte of them.",
        answers={200: text("The lines, in UTF-8.")},
        errors=(404,),
    )


OPERATIONS: Mapping[str, Operation] = {
    "GET /api/jobs/triggered/{job}/schedule": Operation(
        tag="Triggered jobs",
        summary="Look ahead in the schedule of a job",
        description="Its next due times, and what became of the last ones.",
        query=(_NEXT,),
        answers={200: json_of(ScheduleJson, "The schedule; `schedule` is null when the job has none.")},
        errors=(404,),
        problems=True,
    ),
    "GET /vfs/data/jobs/triggered/{job}/job_scheduler.log": _log(),
    "GET /api/vfs/data/jobs/triggered/{job}/job_scheduler.log": _log(),
}
