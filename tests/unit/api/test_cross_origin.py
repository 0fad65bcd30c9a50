"""CORS: which origins are allowed, what a page of one may do, and what a browser is told."""

import pytest
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.http.cross_origin import (
    EXPOSED_HEADERS,
    answer_headers,
    is_allowed,
    is_preflighted,
    may_change,
    parse_origins,
    preflight_headers,
)

LISTED = parse_origins("https://pages.example, http://localhost:3000")
ANY = parse_origins("*")
NONE: frozenset[str] = frozenset()


def test_origins_are_a_list_in_any_case_with_or_without_the_usual_port() -> None:
    text = "HTTPS://Pages.Example:443/, http://a:80,http://[::1]:8080 , https://a:80"
    assert parse_origins(text) == {"https://pages.example", "http://a", "http://[::1]:8080", "https://a:80"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no origin"),
        ("null", "no origin"),
        ("https://a/path", r"Did you mean https://a\?"),
        ("pages.example", r"Did you mean https://pages\.example\?"),
        ("https://*.example", "no origin"),
        ("https://a b", "no origin"),
        ("https://a,", "no origin"),
        ("ftp://a", "no origin"),
        ("https://user@a", "no origin"),
        ("https://[::1", "no origin"),
        ("*, https://a", "allows every origin"),
    ],
)
def test_what_is_no_origin_is_refused_with_what_was_probably_meant(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_origins(text)


@pytest.mark.parametrize(
    ("origin", "listed", "any_"),
    [
        ("https://pages.example", True, True),
        ("HTTPS://pages.example", True, True),
        ("http://localhost:3000", True, True),
        ("http://pages.example", False, True),
        ("https://pages.example:444", False, True),
        ("https://pages.example.evil.example", False, True),
        ("https://sub.pages.example", False, True),
        ("null", False, True),
        ("", False, True),
        (None, False, False),
    ],
)
def test_an_origin_is_allowed_as_a_whole(origin: str | None, listed: bool, any_: bool) -> None:
    assert is_allowed(origin, LISTED) is listed
    assert is_allowed(origin, ANY) is any_
    assert not is_allowed(origin, NONE)


@pytest.mark.parametrize(
    ("origins", "needs_login", "preflighted", "may"),
    [
        (LISTED, True, False, True),
        (LISTED, False, False, True),
        (ANY, False, False, True),
        (ANY, True, True, True),
        (ANY, True, False, False),  # the browser may have added its own login
        (NONE, False, True, False),
    ],
)
def test_a_page_changes_things_where_no_login_of_the_browser_is_misused(
    origins: frozenset[str], needs_login: bool, preflighted: bool, may: bool
) -> None:
    found = may_change("https://pages.example", origins, needs_login=needs_login, is_preflighted=preflighted)
    assert found is may
    assert not may_change(None, origins, needs_login=needs_login, is_preflighted=preflighted)


@pytest.mark.parametrize(
    ("method", "headers", "preflighted"),
    [
        ("POST", {}, False),
        ("GET", {"Authorization": "Basic x"}, False),
        ("POST", {"Content-Type": "text/plain;charset=UTF-8"}, False),
        ("POST", {"Content-Type": "Multipart/Form-Data; boundary=x"}, False),
        ("POST", {"Content-Type": "application/json"}, True),
        ("POST", {"X-Requested-With": "fetch"}, True),
        ("POST", {"Idempotency-Key": "x"}, True),
        ("PUT", {}, True),
        ("DELETE", {}, True),
    ],
)
def test_requests_that_a_form_cannot_send_are_preflighted(
    method: str, headers: dict[str, str], preflighted: bool
) -> None:
    assert is_preflighted(method, headers) is preflighted


def test_answers_allow_credentials_to_named_origins_only() -> None:
    named = answer_headers("https://pages.example", LISTED)
    assert named["Access-Control-Allow-Origin"] == "https://pages.example"
    assert named["Access-Control-Allow-Credentials"] == "true"
    any_ = answer_headers("https://pages.example", ANY)
    assert any_["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in any_
    for origin, origins in (("https://evil.example", LISTED), (None, LISTED), (None, ANY), ("x", NONE)):
        assert answer_headers(origin, origins) == {}


def test_a_page_may_read_every_header_that_an_answer_is_described_with() -> None:
    described = {
        name
        for operation in OPERATIONS.values()
        for answer in operation.answers.values()
        for name in answer.headers
    }
    assert described >= {"Location", "Webjobs-Warning"}
    for_the_browser = {"Set-Cookie", "Content-Security-Policy"}  # which it shows to no page
    assert described - for_the_browser <= set(EXPOSED_HEADERS), "name each in EXPOSED_HEADERS"


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("", None),
        ("authorization,content-type", "authorization, content-type"),
        ("X-A ,\tIf-Match", "X-A, If-Match"),
        ("a b, x\r\nSet-Cookie: y, é, ok", "ok"),
        (",,", None),
    ],
)
def test_a_preflight_allows_the_headers_that_it_asks_for(asked: str, allowed: str | None) -> None:
    headers = preflight_headers({"PUT", "GET"}, asked)
    assert headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert headers.get("Access-Control-Allow-Headers") == allowed


def test_a_preflight_is_bounded() -> None:
    assert len(preflight_headers([], ",".join(["x" * 50] * 5000))["Access-Control-Allow-Headers"]) < 6000
