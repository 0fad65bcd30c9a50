"""The arguments that a request gives a run: from the query, a form or a JSON object; pure."""

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_rules.arguments import MAX_ARGUMENTS_BYTES, check_arguments
from webjobs_rules.errors import InvalidArguments

from webjobs_api.http.json_body import json_text
from webjobs_api.http.request_errors import RepeatedParameter, UnknownParameter
from webjobs_api.http.run_errors import UnsupportedArgumentsBody

FIELD = "arguments"

MAX_BODY_BYTES = 7 * MAX_ARGUMENTS_BYTES
"""Of a body with arguments: JSON writes a byte with six at most. A longer one holds longer arguments."""

BLANK_BODIES = frozenset({b"", b"{}", b"[]", b'""', b"null"})
"""What clients send that have nothing to send."""

_MOST_FIELDS = 100  # of a form, of which one is known

_FORM = "application/x-www-form-urlencoded"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def given_arguments(query: Mapping[str, str], content_type: str, body: bytes) -> str | None:
    """The arguments as the request gives them, checked; None when it does not name any.

    Arguments that are named and empty are the empty text, so that a rerun can have none.

    Args:
        query: The parameters of the address.
        content_type: Of the body, without parameters, lower case.
        body: At most `MAX_BODY_BYTES`.

    Raises:
        InvalidArguments: No process can be given them.
        UnknownParameter: The body has another field.
        RepeatedParameter: They are given twice.
        UnsupportedArgumentsBody: The body is neither a form nor a JSON object.
    """
    in_query, in_body = query.get(FIELD), _of_body(content_type, body.removeprefix(_BYTE_ORDER_MARK).strip())
    if in_query is not None and in_body is not None:
        raise RepeatedParameter("value", FIELD)
    given = in_body if in_query is None else in_query
    return given if given is None else check_arguments(given) or ""


def _of_body(content_type: str, body: bytes) -> str | None:
    if body in BLANK_BODIES:
        return None
    if content_type == _FORM:
        return _of_form(body)
    if content_type in ("application/json", "text/json") or content_type.endswith("+json"):
        return _of_json(body)
    raise UnsupportedArgumentsBody(f"its Content-Type is {content_type[:100] or 'missing'}")


def _of_form(body: bytes) -> str | None:
    try:
        fields = parse_qs(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except UnicodeError as error:
        raise InvalidArguments("they are not UTF-8 text") from error
    except ValueError as error:
        raise UnsupportedArgumentsBody(str(error).rstrip(".")) from error
    hint = "For JSON, send Content-Type: application/json." if body.startswith((b"{", b"[", b'"')) else ""
    _refuse_others(fields, "form field", hint)
    values = fields.get(FIELD, [])
    if len(values) > 1:
        raise RepeatedParameter("form field", FIELD)
    return values[0] if values else None


def _of_json(body: bytes) -> str | None:
    try:
        fields = msgspec.json.decode(json_text(body), type=dict[str, msgspec.Raw])
        _refuse_others(fields, "JSON field")
        return msgspec.json.decode(fields[FIELD], type=str | None)
    except msgspec.ValidationError as error:
        raise UnsupportedArgumentsBody(f"send an object whose {FIELD} is a string") from error
    except MALFORMED as error:
        raise UnsupportedArgumentsBody(str(error).rstrip(".")) from error


def _refuse_others(fields: Mapping[str, object], kind: str, hint: str = "") -> None:
    for name in fields:
        if name != FIELD:
            raise UnknownParameter(kind, name, [FIELD], hint)
