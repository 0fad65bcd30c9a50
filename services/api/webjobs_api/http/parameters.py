"""Parameters that several operations have, and what the parts of an address in braces stand for."""

from collections.abc import Mapping

from webjobs_rules.job import MAX_JOB_NAME_LENGTH

from webjobs_api.backends.published_events import PUBLISHABLE
from webjobs_api.http.operation import Parameter

# `parse_job_name` as far as a pattern can say it.
_JOB_NAME = rf"^(?![.\s])(?!.*\.\.)(?!\*$)[^/\\\x00-\x1f\x7f]{{1,{MAX_JOB_NAME_LENGTH}}}(?<!\s)$"

RUN_ID = {"type": "string", "pattern": "^[0-9]{18}$", "examples": ["201311080256000000"]}
"""The instant a run was asked for, to a tenth of a millisecond."""

PATH_PARAMETERS: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            name="job",
            schema={
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_JOB_NAME_LENGTH,
                "pattern": _JOB_NAME,
                "examples": ["hello"],
            },
            description="The name of the job.",
        ),
        Parameter(
            name="id",
            schema=RUN_ID,
            description="The id of the run: the instant it was asked for, to a tenth of a millisecond.",
        ),
        Parameter(
            name="digest",
            schema={"type": "string", "pattern": "^[0-9a-f]{8,64}$", "examples": ["3f2a5b0c"]},
            description="The digest of a version, or its first 8 digits or more.",
        ),
        Parameter(
            name="deployment",
            schema={"type": "string", "minLength": 1, "examples": ["latest"]},
            description="The id of the deployment.",
        ),
        Parameter(
            name="hook",
            schema={"type": "string", "minLength": 1, "examples": ["f726994390eafcbe"]},
            description="The id of the hook.",
        ),
        Parameter(
            name="event",
            schema={"type": "string", "enum": list(PUBLISHABLE)},
            description="The event that is published.",
        ),
        Parameter(
            name="source",
            schema={"type": "string", "pattern": "^([0-9]{18}|[0-9a-f]{6})$"},
            description="The id of a run, or of an instance of a continuous job.",
        ),
        Parameter(
            name="type",
            schema={"type": "string", "enum": ["triggered", "continuous"]},
            description="The type of the job.",
        ),
        Parameter(
            name="path",
            schema={"type": "string"},
            description="The rest of the address, slashes included.",
        ),
        Parameter(
            name="file",
            schema={"type": "string", "minLength": 1},
            description="The name of the file.",
        ),
    )
}
"""By name; a part that is not here is a string of the route's own pattern."""

RANGE = Parameter(
    name="Range",
    schema={"type": "string", "examples": ["bytes=0-99"]},
    description="The part that is wanted.",
)
FOLLOW = Parameter(
    name="follow",
    schema={"type": "string", "examples": ["1"]},
    description="With 1 or true, go on as more is written, until the run has ended or the client leaves.",
)
SEQUENCE = {"type": "integer", "minimum": 0}


def any_of(name: str, values: Mapping[str, object], description: str) -> Parameter:
    """A parameter that may be given several times."""
    return Parameter(name=name, schema={"type": "array", "items": values}, description=description)
