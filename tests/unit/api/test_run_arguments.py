"""Arguments of a run: from wherever a request may name them, and nothing else is let pass in silence."""

import pytest
from webjobs_api.http.request_errors import RepeatedParameter, UnknownParameter
from webjobs_api.http.run_errors import UnsupportedArgumentsBody
from webjobs_api.runs.run_arguments import given_arguments
from webjobs_rules.errors import InvalidArguments

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.mark.parametrize(
    ("query", "content_type", "body", "arguments"),
    [
        ({}, "", b"", None),
        ({"arguments": "mars"}, "", b"", "mars"),
        ({"arguments": ""}, "", b"", ""),
        ({"arguments": "  "}, "", b"", ""),
        ({}, FORM, b"arguments=a+%27b+%C3%A9%27", "a 'b é'"),
        ({}, FORM, b"arguments=", ""),
        ({}, FORM, b"", None),
        ({}, JSON, b'{"arguments": "mars 1"}', "mars 1"),
        ({}, "text/json", b'\xef\xbb\xbf{"arguments": "mars"}', "mars"),
        ({}, "application/vnd.x+json", b'{"arguments": ""}', ""),
        ({}, JSON, b'{"arguments": null}', None),
        ({"arguments": "mars"}, JSON, b"{}", "mars"),
    ],
)
def test_arguments_are_taken_from_query_form_or_json(
    query: dict[str, str], content_type: str, body: bytes, arguments: str | None
) -> None:
    assert given_arguments(query, content_type, body) == arguments


@pytest.mark.parametrize("content_type", [FORM, JSON, "text/plain", "application/octet-stream"])
@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b" {} ", b"[]", b'""', b"null"])
def test_what_clients_send_that_have_nothing_to_send_is_no_body(content_type: str, body: bytes) -> None:
    assert given_arguments({}, content_type, body) is None


@pytest.mark.parametrize(
    ("content_type", "body", "error", "says"),
    [
        (FORM, b"argument=x", UnknownParameter, "Did you mean 'arguments'"),
        (FORM, b"arguments=x&force=1", UnknownParameter, "'force'"),
        (FORM, b'{"arguments": "x"}', UnknownParameter, "Content-Type: application/json"),
        (FORM, b"arguments=x&arguments=y", RepeatedParameter, "once"),
        (FORM, b"arguments=%ff", InvalidArguments, "UTF-8"),
        (FORM, b"\xff", InvalidArguments, "UTF-8"),
        (FORM, b"arguments='open", InvalidArguments, "quote"),
        (JSON, b'{"args": "x"}', UnknownParameter, "Did you mean 'arguments'"),
        (JSON, b'{"arguments": ["x"]}', UnsupportedArgumentsBody, "arguments is a string"),
        (JSON, b'"mars"', UnsupportedArgumentsBody, "application/json"),
        (JSON, b"{" * 60_000, UnsupportedArgumentsBody, "application/json"),
        (JSON, b'{"a":' * 20_000, UnsupportedArgumentsBody, "application/json"),
        ("text/plain", b"mars", UnsupportedArgumentsBody, "Content-Type is text/plain"),
        ("multipart/form-data", b"--x", UnsupportedArgumentsBody, "application/x-www-form-urlencoded"),
    ],
)
def test_any_other_body_is_refused_with_what_to_send(
    content_type: str, body: bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        given_arguments({}, content_type, body)


def test_arguments_are_given_once() -> None:
    with pytest.raises(RepeatedParameter, match="once"):
        given_arguments({"arguments": "x"}, JSON, b'{"arguments": "x"}')
