"""HTTP input → the values of a command; pure, and no input is ever a fault of the server."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from webjobs_events.commands import UploadKind
from webjobs_rules.errors import InvalidRunId
from webjobs_rules.run_id import RunId, parse_run_id
from webjobs_rules.settings_check import too_deep

from webjobs_api.http.json_body import json_text
from webjobs_api.http.request_errors import InvalidPage, InvalidSettingsBody
from webjobs_api.http.run_errors import InvalidIdempotencyKey
from webjobs_api.http.upload_errors import FileNameMissing, InvalidFileName, UnsupportedUpload

_ZIP_TYPES = frozenset(
    {"application/zip", "application/x-zip-compressed", "application/x-zip", "multipart/x-zip"}
)
_ZIP_BEGINS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PARAMETER = re.compile(
    r';\s*(?P<name>[\w!#$%&\'*+.^`|~-]+)\s*=\s*(?:"(?P<quoted>(?:\\"|[^"])*)"|(?P<bare>[^;]*))'
)
_MAX_FILE_NAME_BYTES = 255
FORM = "multipart/form-data"
HEAD_BYTES = 4
"""Of a body, by which an archive is known."""

MAX_PAGE = 1000
"""Runs in one answer; history gives no more."""

MOST_REASON = 200
"""Characters of the reason why a run is cancelled."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""The header under which a request can be sent again."""

_LONGEST_KEY = 255  # characters of an Idempotency-Key
_LONGEST_REQUESTER = 200  # characters of a User-Agent or a name that are kept


@dataclass(frozen=True, slots=True)
class Upload:
    """How the body of a request becomes the files of a job."""

    kind: UploadKind
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a job's runs, newest first.

    Attributes:
        limit: At most this many.
        before: Only runs older than this one; None: from the newest.
    """

    limit: int = MAX_PAGE
    before: RunId | None = None


def upload_of(
    content_type: str, disposition: str, *, merge: bool, head: bytes = b"", form_name: str | None = None
) -> Upload:
    """How to read a body of this Content-Type and Content-Disposition.

    It is a zip archive when its type, its name or the address says so, or when it has no name with an
    extension and begins as archives do.

    Args:
        content_type: Without parameters, lower case.
        disposition: The whole header; the word before the first `;` does not matter.
        merge: Whether an archive is laid over the files of the job instead of replacing them.
        head: The first `HEAD_BYTES` of the body.
        form_name: The name of the file in a form, which counts instead of the header.

    Raises:
        UnsupportedUpload: It has several parts and is no form.
        FileNameMissing: It is a script without a name.
        InvalidFileName: The script's name cannot be one.
    """
    archive = Upload(UploadKind.MERGE if merge else UploadKind.ZIP)
    begins_as_zip = head.startswith(_ZIP_BEGINS)
    if content_type in _ZIP_TYPES or (merge and begins_as_zip):
        return archive
    if content_type.startswith("multipart/") and content_type != FORM and not begins_as_zip:
        raise UnsupportedUpload(content_type)
    try:
        name = form_name or script_name(disposition)
    except FileNameMissing:
        if begins_as_zip or merge:  # the address says zip already: Kudu wants no header here
            return archive
        raise
    if name.lower().endswith(".zip") or (begins_as_zip and "." not in name):
        return archive
    return Upload(UploadKind.SCRIPT, name)


def script_name(disposition: str) -> str:
    """The file name in a Content-Disposition header, without quotes and directories.

    Raises:
        FileNameMissing: There is none.
        InvalidFileName: No folder should carry it.
    """
    parameters = {
        match["name"].lower(): (match["quoted"] or "").replace('\\"', '"')
        if match["quoted"] is not None
        else match["bare"].strip()
        for match in _PARAMETER.finditer(disposition)
    }
    text = parameters.get("filename", "")
    if "filename*" in parameters:
        text = _extended(parameters["filename*"])
    name = re.split(r"[/\\]", text)[-1].strip()
    if not name:
        raise FileNameMissing
    if name in (".", ".."):
        raise InvalidFileName(name, "it names a folder")
    if not name.isprintable():
        raise InvalidFileName(name, "it holds a control or invisible character")
    if len(name.encode("utf-8")) > _MAX_FILE_NAME_BYTES:
        raise InvalidFileName(name, f"it is longer than {_MAX_FILE_NAME_BYTES} bytes")
    return name


def _extended(value: str) -> str:
    """The text of an RFC 5987 value, `UTF-8'en'na%C3%AFve.sh`."""
    charset, _, rest = value.partition("'")
    encoded = rest.partition("'")[2]
    if charset.lower() not in ("utf-8", "iso-8859-1"):
        raise InvalidFileName(value, "it is not of the form UTF-8''name")
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeError as error:
        raise InvalidFileName(value, f"it is not {charset} text") from error


def page_of(query: Mapping[str, str]) -> Page:
    """Which of a job's runs are asked for: `?limit=` and `?before=`.

    Raises:
        InvalidPage: The limit is no number of runs, or before is no run id.
    """
    limit, before = query.get("limit"), query.get("before")
    if limit is not None and not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_PAGE):
        raise InvalidPage("limit", f"it is not a number from 1 to {MAX_PAGE}")
    try:
        return Page(int(limit) if limit else MAX_PAGE, parse_run_id(before) if before is not None else None)
    except InvalidRunId as error:
        raise InvalidPage("before", "it is not a run id of 18 digits") from error


def settings_of(body: bytes) -> dict[str, Any]:
    """The settings in a request's body.

    Raises:
        InvalidSettingsBody: It is no JSON object.
    """
    try:
        return msgspec.json.decode(json_text(body), type=dict[str, Any])
    except RecursionError as error:
        raise too_deep() from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise InvalidSettingsBody(str(error).rstrip(".")) from error


def arm_settings_of(body: bytes) -> dict[str, Any]:
    """The settings in ARM's form of a job, `{"properties": {"settings": {…}}}`.

    Raises:
        InvalidSettingsBody: There are none, or they are no JSON object.
    """
    properties = settings_of(body).get("properties")
    settings = properties.get("settings") if isinstance(properties, dict) else None
    if not isinstance(settings, dict):
        raise InvalidSettingsBody("ARM sends it as properties.settings, which is not there")
    return settings


def requested_by(user_agent: str | None) -> str:
    """Returns the trigger text of a request, as Kudu writes it: `External - <User-Agent>`."""
    return _by("External", user_agent)


def requested_on_page(username: str | None) -> str:
    """Returns the trigger text of what a person does on a page: `Dashboard - <name>`."""
    return _by("Dashboard", username)


def _by(kind: str, requester: str | None) -> str:
    text = (requester or "")[:_LONGEST_REQUESTER]
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return f"{kind} - {text}".rstrip(" -")


def idempotency_key(values: Sequence[str]) -> str | None:
    """The value of the header `Idempotency-Key`; None when it was not sent.

    Raises:
        InvalidIdempotencyKey: It is empty, too long, not printable, or sent twice.
    """
    if not values:
        return None
    if len(values) > 1:
        raise InvalidIdempotencyKey("it was sent more than once")
    key = values[0]
    if not key:
        raise InvalidIdempotencyKey("it is empty")
    if len(key) > _LONGEST_KEY:
        raise InvalidIdempotencyKey(f"it is longer than {_LONGEST_KEY} characters")
    if not (key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey("it holds a character that is not printable ASCII")
    return key
