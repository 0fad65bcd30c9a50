"""Pages for people; a browser gets them under `/jobs` too, where a program gets data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from webjobs_api.backends.run_filter import STATUS_WORDS
from webjobs_api.bulk_actions.request import Action
from webjobs_api.bulk_actions.run_request import RunAction
from webjobs_api.http.kudu_responses import KuduContinuousJob, KuduTriggeredJob
from webjobs_api.http.operation import (
    JSON,
    TEXT,
    Answer,
    Body,
    Operation,
    Parameter,
    Schema,
    json_of,
    nothing,
    text,
)
from webjobs_api.overview.acknowledge_request import CHOICES
from webjobs_api.pages import bulk
from webjobs_api.pages.acknowledgement_lines import PATH as ACKNOWLEDGEMENTS
from webjobs_api.pages.bulk_form import JOB, JOB_FILTERS, RUN, RUN_FILTERS
from webjobs_api.pages.once import PARAMETER
from webjobs_api.pages.settings_form import SETTINGS
from webjobs_api.pages.tab_state import TabState

_HTML = "text/html"
_BOTH = "A client that names text/html in Accept gets the page, any other the data."
_ANY_JOB = {"anyOf": [KuduTriggeredJob, KuduContinuousJob]}
_NOT_DONE: Mapping[int, Answer] = {
    status: Answer(description=description, content={_HTML: {"type": "string"}, TEXT: {"type": "string"}})
    for status, description in {
        400: "The page, saying what cannot be.",
        404: "A page that says so.",
        409: "The page, saying why not now.",
        410: "A page with the events of a run that history has removed.",
        413: "The page, saying what is too large.",
        415: "The page, saying that the form is compressed in a way that is not read.",
        503: "A page that says what is away.",
        507: "The page, saying which disk is full.",
    }.items()
}
_REGIONS = Parameter(
    name="_regions",
    schema={"type": "string"},
    description="Only these regions of the page, separated by commas: what its script asks for.",
)
_ROWS = Parameter(
    name="_rows",
    schema={"type": "string"},
    description="With _regions: of lists only the rows with these ids, separated by commas; of the others "
    "only the ids, in their order.",
)
_ONCE = Parameter(
    name=PARAMETER,
    schema={"type": "string"},
    description="The key of the page: a form that is sent again with the same one is not carried out again.",
)
_TEXT = {"type": "string"}
_SELECT = Parameter(
    name="select", schema=_TEXT, description="With 1, rows have check boxes in place of their buttons."
)
_JOBS = (
    Parameter(name="text", schema=_TEXT, description="Only jobs with this text in their name."),
    Parameter(name="filter", schema=_TEXT, description="Only such jobs, as in GET /api/overview."),
    Parameter(name="type", schema=_TEXT, description="Only triggered or only continuous jobs."),
    Parameter(name="after", schema=_TEXT, description="Only jobs after this place in the list."),
    _SELECT,
)
_RUNS = (
    Parameter(
        name="status", schema={"type": "string", "enum": ["", *STATUS_WORDS]}, description="Only such runs."
    ),
    Parameter(name="job", schema=_TEXT, description="Only runs of this job."),
    Parameter(
        name="trigger", schema=_TEXT, description="Only runs started so: api, schedule, rerun, import."
    ),
    Parameter(name="runner", schema=_TEXT, description="Only runs on this runner."),
    Parameter(name="since", schema=_TEXT, description="Only runs requested at this instant or later."),
    Parameter(name="until", schema=_TEXT, description="Only runs requested before this instant."),
    Parameter(name="before", schema=_TEXT, description="Only runs after this one in the list."),
    Parameter(name="limit", schema=_TEXT, description="At most so many runs."),
    _SELECT,
)
_LOG = (
    Parameter(
        name="line",
        schema=_TEXT,
        description="Show the part of the log with this line, such as 812, or with these lines: 812-820.",
    ),
    Parameter(name="q", schema=_TEXT, description="Search the log for this text."),
)
_INSTANCE_LOG = (
    *_LOG,
    Parameter(name="instance", schema=_TEXT, description="Show the log of this instance."),
    Parameter(name="start", schema=_TEXT, description="Show the log from this start on."),
)
_LINES = (
    Parameter(name="after", schema=_TEXT, description="Only lines after the one with this number."),
    Parameter(name="before", schema=_TEXT, description="Only lines before the one with this number."),
    Parameter(name="last", schema=_TEXT, description="With 1, the last of these lines; else the first."),
)
_VERSION = (
    Parameter(name="version", schema=_TEXT, description="Show what this version changed."),
    Parameter(name="against", schema=_TEXT, description="The version to compare with; else the one before."),
)
_DAY = (
    Parameter(name="day", schema=_TEXT, description="Such as 2026-01-02; today by default."),
    Parameter(name="zone", schema=_TEXT, description="Name of the time zone of the day; UTC by default."),
    Parameter(name="after", schema=_TEXT, description="Only jobs whose name is after this one."),
)
_EVENTS = (
    Parameter(name="type", schema=_TEXT, description="Only events of this type."),
    Parameter(name="job", schema=_TEXT, description="Only events of this job."),
    Parameter(name="event", schema=_TEXT, description="Only events of this name."),
)
_NEW = (
    Parameter(name="name", schema=_TEXT, description="Of the job, when it is known."),
    Parameter(name="type", schema=_TEXT, description="Of the job: triggered or continuous."),
    Parameter(name="schedule", schema=_TEXT, description="Of the job: a cron expression."),
)
_DEPLOYMENTS = (
    Parameter(name="job", schema=_TEXT, description="Only those of this job, such as triggered/hello."),
    Parameter(name="before", schema=_TEXT, description="Only those before this place in the list."),
    Parameter(name="limit", schema=_TEXT, description="At most this many."),
)
_DEPLOYMENT = (Parameter(name="run", schema=_TEXT, description="The run that is to follow the deployment."),)
_THEN = Parameter(
    name="then",
    schema={"type": "string", "enum": ["", "run"]},
    description="With run, a triggered job is run afterwards.",
)
_FILES = (
    Parameter(name="path", schema=_TEXT, description="Of a folder or file, below the folder of the job."),
    Parameter(name="new", schema=_TEXT, description="Show the form for a new file in this folder."),
    Parameter(name="saved", schema=_TEXT, description="What became of the change that led here."),
)
_AFTER_DEPLOY = (
    Parameter(name="schedule", schema=_TEXT, description="The schedule that the job has afterwards."),
    _THEN,
)
_BACK = nothing("Done: back to the page.", Location="Of the page.")


def _page(summary: str, *errors: int, data: Schema = None, query: tuple[Parameter, ...] = ()) -> Operation:
    found = text("The page.", _HTML)
    if data is not None:
        found = Answer(description="The page, or the data.", content={**found.content, JSON: data})
    return Operation(
        tag="Pages",
        summary=summary,
        description=_BOTH if data is not None else "",
        query=(*query, _REGIONS, _ROWS, _ONCE),
        answers={200: found, **{status: _NOT_DONE[status] for status in errors}},
    )


def _lines(summary: str, query: tuple[Parameter, ...]) -> Operation:
    answers = {200: text("A part of the page: a list.", _HTML)}
    return Operation(
        tag="Pages",
        summary=summary,
        query=query,
        answers=answers | {status: _NOT_DONE[status] for status in (400, 404, 503)},
    )


def _button(summary: str, body: Body | None = None) -> Operation:
    answers = {303: _BACK, **_NOT_DONE}
    return Operation(
        tag="Pages", summary=summary, query=(_ONCE,), body=body, answers=answers, needs_room=False
    )


def _precondition(summary: str, body: Body) -> Operation:
    changed = replace(_NOT_DONE[409], description="The page with what was typed, and what changed meanwhile.")
    button = _button(summary, body)
    refused = replace(_NOT_DONE[409], description="The page, saying that the path is not one to write to.")
    return replace(button, answers={**button.answers, 403: refused, 412: changed})


def _restore(summary: str) -> Operation:
    gone = replace(_NOT_DONE[404], description="The page, saying that its files are not kept any more.")
    button = _button(summary)
    return replace(button, answers={**button.answers, 410: gone}, needs_room=True)


def _upload(summary: str, body: Body) -> Operation:
    """A button that also the script of the page presses, which gets JSON."""
    fields = {name: {"type": "object", "properties": {name: {"type": "string"}}} for name in ("url", "fault")}
    done = Answer(
        description="Done, for a client that does not name text/html.", content={JSON: fields["url"]}
    )
    refused = {
        status: Answer(description=each.description, content={**each.content, JSON: fields["fault"]})
        for status, each in _NOT_DONE.items()
    }
    answers = {200: done, 303: _BACK, **refused}
    return replace(_button(summary, body), query=_AFTER_DEPLOY, answers=answers)


def _form(*fields: str, description: str = "The form of the page.", is_closed: bool = False) -> Body:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
    }
    if is_closed:
        schema["additionalProperties"] = False
    content = {"application/x-www-form-urlencoded": schema}
    return Body(description=description, content=content, is_required=False)


def _bulk(summary: str, actions: type[StrEnum], filters: Sequence[str], checked: str) -> Operation:
    lists = {"type": "array", "items": {"type": "string"}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            **{name: {"type": "string"} for name in filters},
            "action": {"type": "string", "enum": list(actions)},
            checked: lists,
            "all": {"type": "string"},
            "asked": {"type": "string"},
            "until": {"type": "string"},
            "note": {"type": "string"},
            "count": {"type": "string", "pattern": "^[0-9]{0,9}$"},
        },
        "required": ["action"],
    }
    return Operation(
        tag="Pages",
        summary=summary,
        query=(_ONCE,),
        body=Body(
            description="The form of the list: the action, and what is checked, or `all` and the filter. "
            "With the number that it is about as `count` it is done; without, a question names the number. "
            "The question sends its instant as `asked`: later runs are not meant.",
            content={"application/x-www-form-urlencoded": schema},
        ),
        answers={200: text("The question, or the outcome with every failure.", _HTML), **_NOT_DONE},
        needs_room=False,
    )


_FORM = _form("arguments", is_closed=True)
_CLOCK = _form("clock", "zone", "next", description="The form of the frame.")
_SETTINGS = _form(
    *sorted({setting.name for setting in SETTINGS}),
    "fields",
    "settings",
    "tag",
    description="A form of the page: the schedule alone; settings with `fields`; or all settings as JSON. "
    "The tag is that of the settings that were shown.",
)
_NAME = _form("name", description="The form of the page, with the job's name once more.")
_ACKNOWLEDGE = _form(
    "type",
    "job",
    "kind",
    "until",
    "note",
    "back",
    description=f"The form of a line: the reason `kind` of a job; `until` is one of {', '.join(CHOICES)}, or "
    "an instant.",
)
_TEXT_FILE = _form(
    "path",
    "content",
    "tag",
    "then",
    description="The editor's form: the text of the file with the tag of the one that was shown, none for "
    "a new file. With `then=run` a triggered job is run afterwards.",
)
_APP_SETTING = _form("name", "value")
_HOOK = ("event", "type", "job", "secret", "insecure_ssl")
_FILE = Body(
    description="A form with one file: a zip archive or a script.",
    content={"multipart/form-data": {"type": "object", "properties": {"file": {"type": "string"}}}},
)

OPERATIONS: Mapping[str, Operation] = {
    "GET /": _page("Show all jobs", 400, 503, query=_JOBS),
    "GET /pages/runs": _page("Show the runs of all jobs", 400, 503, query=_RUNS),
    "GET /pages/schedule": _page("Show what is due on a day", 400, 503, query=_DAY),
    "GET /pages/events": _page("Show the last events in words", 400, 503, query=_EVENTS),
    "GET /pages/hooks": _page("Show all hooks with their last calls", 503),
    "POST /pages/hooks": _button("Make a hook by its form", _form("url", *_HOOK)),
    "GET /pages/hooks/{hook}": _page("Show a hook and its calls", 404, 503),
    "POST /pages/hooks/{hook}": _button("Change a hook by its form", _form("unsigned", *_HOOK)),
    "POST /pages/hooks/{hook}/test": _button("Call a hook as a test by its button"),
    "POST /pages/hooks/{hook}/deliveries": _button(
        "Make a delivery again by its button", _form("delivery_id")
    ),
    "POST /pages/hooks/{hook}/delete": _button("Remove a hook by its button"),
    "GET /pages/settings": _page("Show the names of app settings"),
    "POST /pages/settings": _button("Set an app setting by its form", _APP_SETTING),
    "POST /pages/settings/{key}/delete": _button("Take an app setting away by its button"),
    "GET /pages/system": _page("Show runners, queue, history and streams"),
    "GET /pages/tab": Operation(
        tag="Pages",
        summary="Get what the tab of a page says",
        description="How much needs attention, and how many runs run; at most some seconds old.",
        answers={200: json_of(TabState, "The figures.")},
        errors=(503,),
        problems=True,
    ),
    "GET /pages/deployments": _page("Show the deployments of jobs", 400, 503, query=_DEPLOYMENTS),
    "GET /pages/deployments/{deployment}": _page("Show a deployment of a job", 404, 503, query=_DEPLOYMENT),
    "GET /pages/new": _page("Show the form for a new job", query=_NEW),
    "GET /pages/triggered/{job}": _page("Show a triggered job", 400, 404, 503, query=_VERSION),
    "GET /pages/triggered/{job}/history/{id}": _page(
        "Show a run and its log", 400, 404, 410, 503, query=_LOG
    ),
    "GET /pages/triggered/{job}/history/{id}/lines": _lines("Get lines of a run's log for its page", _LINES),
    "GET /pages/continuous/{job}/lines": _lines(
        "Get lines of an instance's log for its page", (*_LINES, _INSTANCE_LOG[-2])
    ),
    "GET /pages/continuous/{job}": _page(
        "Show a continuous job", 400, 404, 503, query=(*_INSTANCE_LOG, *_VERSION)
    ),
    "POST /pages/triggered/{job}/run": _button("Run a job by its button", _FORM),
    "POST /pages/triggered/{job}/history/{id}/cancel": _button("Cancel a run by its button"),
    "POST /pages/triggered/{job}/history/{id}/rerun": _button("Run a job again by its button", _FORM),
    "POST /pages/continuous/{job}/start": _button("Enable a job by its button"),
    "POST /pages/continuous/{job}/stop": _button("Disable a job by its button"),
    "POST /pages/continuous/{job}/restart": _button("Restart a job by its button"),
    "POST /pages/{type}/{job}/files": _upload("Deploy a job by its form", _FILE),
    "GET /pages/{type}/{job}/files": replace(
        _page("Show the files of a job, or edit one", 400, 404, 409, 503, query=_FILES), viewers=False
    ),
    "POST /pages/{type}/{job}/file": replace(
        _precondition("Save a file of a job by its form", _TEXT_FILE), needs_room=True
    ),
    "POST /pages/{type}/{job}/settings": _button("Change a job's settings by its form", _SETTINGS),
    "POST /pages/{type}/{job}/versions/{digest}/restore": _restore("Restore a version by its button"),
    "POST /pages/{type}/{job}/delete": _button("Delete a job by its form", _NAME),
    f"POST {ACKNOWLEDGEMENTS}": _button("Acknowledge a reason for attention by its form", _ACKNOWLEDGE),
    f"POST {ACKNOWLEDGEMENTS}/{{acknowledgement}}/withdraw": _button(
        "Withdraw an acknowledgement by its button", _form("back")
    ),
    f"POST {bulk.JOBS_PATH}": _bulk(
        "Do an action to many jobs by the form of their list", Action, JOB_FILTERS, JOB
    ),
    f"POST {bulk.RUNS_PATH}": _bulk(
        "Do an action to many runs by the form of their list", RunAction, RUN_FILTERS, RUN
    ),
    "POST /pages/clock": replace(_button("Choose by which clock pages show times", _CLOCK), viewers=True),
    "GET /assets/{file}": Operation(
        tag="Pages",
        summary="Get the stylesheet or a script of the pages",
        answers={200: text("The file; its name changes with its content.", "text/css"), 404: _NOT_DONE[404]},
    ),
    "GET /jobs": _page(
        "Show all jobs, or list them", 400, 503, data={"type": "array", "items": _ANY_JOB}, query=_JOBS
    ),
    "GET /jobs/triggered/{job}": _page("Show a triggered job", 400, 404, 503, data=KuduTriggeredJob),
    "GET /jobs/continuous/{job}": _page(
        "Show a continuous job", 400, 404, 503, data=KuduContinuousJob, query=_INSTANCE_LOG
    ),
}
