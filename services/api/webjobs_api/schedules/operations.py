"""Schedules of triggered jobs."""

from collections.abc import Mapping

from webjobs_api.http.operation import Operation, Parameter, json_of, text
from webjobs_api.schedules.preview import MOST_DUE_TIMES, ScheduleJson
from webjobs_api.schedules.typed_schedule import TypedScheduleJson

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
    "GET /api/schedules/preview": Operation(
        tag="Triggered jobs",
        summary="Look ahead in a schedule that no job has yet",
        description="Refused as a job's settings with this schedule would be.",
        query=(
            Parameter(
                name="schedule",
                schema={"type": "string", "examples": ["0 0 2 * * *"]},
                description="The cron expression: six fields, seconds first.",
                is_required=True,
            ),
            Parameter(
                name="time_zone",
                schema={"type": "string", "examples": ["Europe/Berlin"]},
                description="The zone that it is meant in; else WEBSITE_TIME_ZONE.",
            ),
            _NEXT,
        ),
        answers={200: json_of(TypedScheduleJson, "When it is due.")},
        errors=(400,),
        error_texts={400: "The schedule or the time zone is refused; `detail` says why."},
        problems=True,
    ),
    "GET /vfs/data/jobs/triggered/{job}/job_scheduler.log": _log(),
    "GET /api/vfs/data/jobs/triggered/{job}/job_scheduler.log": _log(),
}
