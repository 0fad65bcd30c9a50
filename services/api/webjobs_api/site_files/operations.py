"""Files of the site folder, one by one and as archives."""

from collections.abc import Mapping
from dataclasses import replace

from webjobs_api.http.operation import JSON, Answer, Body, Operation, Parameter, binary, nothing
from webjobs_api.http.parameters import FOLLOW, RANGE
from webjobs_api.site_files.vfs import EntryJson

_TAG = "Files"
_BYTES = "application/octet-stream"
_INSTANCE = Parameter(
    name="instance",
    schema={"type": "string", "pattern": "^[0-9a-f]{6}$", "examples": ["327e1e"]},
    description="The runner whose site folder is used; by default the first one alive.",
)
_RECURSIVE = Parameter(
    name="recursive",
    schema={"type": "string", "examples": ["true"]},
    description="With true or 1, a folder goes with everything in it.",
)
_IF_MATCH = Parameter(
    name="If-Match",
    schema={"type": "string", "examples": ["*"]},
    description="The ETag of the file to change, or `*`: an existing file is not changed without it.",
)
_IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    schema={"type": "string"},
    description="The ETag of the file that the client has already.",
)
_WARNING = "One for each warning about the settings, when the file is a job's settings.job."
_ETAG = "Changes with each change of the file."
_REDIRECT = nothing("A folder's address ends in a slash, a file's does not.", Location="With or without it.")

READ = Operation(
    tag=_TAG,
    summary="Read a file, or list a folder",
    query=(_INSTANCE,),
    headers=(RANGE, _IF_NONE_MATCH),
    answers={
        200: Answer(
            description="The file, or as JSON what is in the folder.",
            content={JSON: {"type": "array", "items": EntryJson}, "*/*": {}},
            headers={"ETag": _ETAG},
        ),
        206: Answer(
            description="A part of the file.",
            content={"*/*": {}},
            headers={"Content-Range": "Which part, and of how many bytes."},
        ),
        304: nothing("The client has it already."),
        307: _REDIRECT,
    },
    errors=(400, 404, 409, 416, 507),
    viewers=False,
)
_ROOT = Operation(
    tag=_TAG,
    summary="Go to the site folder",
    answers={307: _REDIRECT},
    errors=(400, 404),
    viewers=False,
)
_WRITE = Operation(
    tag=_TAG,
    summary="Write a file, or create a folder",
    description="Folders above it are created. An upload that breaks off changes nothing. An address that "
    "ends in a slash creates a folder.",
    query=(_INSTANCE,),
    headers=(_IF_MATCH,),
    body=Body(description="The new content of the file.", content={_BYTES: {}}, is_required=False),
    answers={
        201: nothing("Created.", ETag=_ETAG, Webjobs_Warning=_WARNING),
        204: nothing("Replaced.", ETag=_ETAG, Webjobs_Warning=_WARNING),
    },
    errors=(400, 404, 409, 412, 413, 415, 507),
    error_texts={403: "It belongs to webjobs itself, or the runner may not."},
)
_DELETE = Operation(
    tag=_TAG,
    summary="Delete a file or a folder",
    query=(_INSTANCE, _RECURSIVE),
    headers=(_IF_MATCH,),
    answers={200: nothing("Deleted.")},
    errors=(400, 404, 409, 412),
)
_GET_ZIP = Operation(
    tag=_TAG,
    summary="Download a folder as an archive",
    description="Packed while it is sent. Links that stay inside the folder are packed, others left out.",
    query=(_INSTANCE,),
    answers={200: binary("The archive.", "application/zip")},
    errors=(400, 404, 409),
    viewers=False,
)
_PUT_ZIP = Operation(
    tag=_TAG,
    summary="Lay an archive over a folder",
    description="Adds and replaces, and removes nothing. An archive that is refused has changed nothing. "
    "What of it was left out is in headers.",
    query=(_INSTANCE,),
    body=Body(
        description="The archive, or a form with it as the only file.",
        content={"application/zip": {}, _BYTES: {}, "multipart/form-data": {}},
    ),
    answers={200: nothing("Unpacked.", Webjobs_Warning="One for each warning about what was left out.")},
    errors=(400, 404, 409, 413, 415, 507),
)

_RUN_FILE = replace(
    READ,
    tag="Logs",
    summary="Read a run's log, or another file of its folder",
    description="`output_{id}.log` and `output_log.txt` have all lines, `error_{id}.log` what came from "
    "standard error. Logs come from NATS, other files from the runner's disk.",
    query=(FOLLOW, *READ.query),
    viewers=True,  # its handler refuses them what is no log
)

OPERATIONS: Mapping[str, Operation] = {
    **{
        f"{method} {prefix}{path}": operation
        for prefix in ("/api/vfs", "/vfs")
        for method, path, operation in (
            ("GET", "", _ROOT),
            ("GET", "/{path}", READ),
            ("PUT", "/{path}", _WRITE),
            ("DELETE", "/{path}", _DELETE),
        )
    },
    **{
        f"{method} /api/zip{path}": operation
        for path in ("", "/{path}")
        for method, operation in (("GET", _GET_ZIP), ("PUT", _PUT_ZIP))
    },
    **{
        f"GET {prefix}/data/jobs/triggered/{{job}}/{{id}}/{{file}}": _RUN_FILE
        for prefix in ("/vfs", "/api/vfs")
    },
}
