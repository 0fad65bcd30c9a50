"""What of a request a job's own server gets to see, and what of its answer the client does."""

from collections.abc import Iterable

import pytest
from multidict import CIMultiDict
from webjobs_api.http.public_address import PublicAddress
from webjobs_api.passthrough.forwarding import request_headers, response_headers, target_of

BASE = "/api/continuouswebjobs"
ROUTE = f"{BASE}/{{job}}/passthrough/{{path}}"
OLD_BASE = "/api/jobs/continuous"
OLD_ROUTE = f"{OLD_BASE}/{{job}}/passthrough"
DIRECT = PublicAddress("10.1.2.3", "https", "jobs.example")
PROXIED = PublicAddress("198.51.100.7", "https", "jobs.example", "/team", via_proxy=True)


def passed_on(
    given: Iterable[tuple[str, str]], public: PublicAddress = DIRECT, *, with_authorization: bool = True
) -> CIMultiDict[str]:
    return request_headers(given, "10.1.2.3", public, "/api/x", with_authorization=with_authorization)


@pytest.mark.parametrize(
    ("raw", "route", "prefix", "target"),
    [
        (f"{BASE}/a/passthrough/b/c?d=e%2F", ROUTE, f"{BASE}/a/passthrough", "/b/c?d=e%2F"),
        (f"{BASE}/passthrough/passthrough/x", ROUTE, f"{BASE}/passthrough/passthrough", "/x"),
        (f"{BASE}/a%2Fb/passthrough/%2e%2e/?", ROUTE, f"{BASE}/a%2Fb/passthrough", "/%2e%2e/?"),
        (f"{OLD_BASE}/a/passthrough", OLD_ROUTE, f"{OLD_BASE}/a/passthrough", "/"),
        (f"{OLD_BASE}/a/passthrough?q=/a/b", OLD_ROUTE, f"{OLD_BASE}/a/passthrough", "/?q=/a/b"),
        (
            f"http://h{OLD_BASE}/a/passthrough/x?http://y/",
            OLD_ROUTE,
            f"{OLD_BASE}/a/passthrough",
            "/x?http://y/",
        ),
    ],
)
def test_an_address_is_cut_after_passthrough_and_left_as_it_is(
    raw: str, route: str, prefix: str, target: str
) -> None:
    assert target_of(raw, route) == (prefix, target)


def test_headers_of_the_first_hop_stay_there() -> None:
    given = [
        ("Host", "jobs.example"),
        ("Connection", "close, X-Secret-Hop"),
        ("x-secret-hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "k"),
        ("Expect", "100-continue"),
        ("X-WebJobs-Instance", "a1b2c3"),
        ("Authorization", "Bearer t"),
        ("Accept", "a"),
        ("Accept", "b"),
    ]
    kept = passed_on(given)
    assert kept.getall("Accept") == ["a", "b"]
    assert kept["Host"] == "localhost"
    assert kept["X-Forwarded-For"] == "10.1.2.3"
    assert (kept["X-Forwarded-Host"], kept["X-Forwarded-Proto"]) == ("jobs.example", "https")
    assert kept["X-Forwarded-Prefix"] == "/api/x"
    left = {name.lower() for name in kept if not name.lower().startswith("x-forwarded-")}
    assert left == {"accept", "authorization", "host"}


def test_the_credentials_of_the_api_stay_with_it() -> None:
    kept = passed_on([("authorization", "Basic x")], with_authorization=False)
    assert "Authorization" not in kept


SPOOFED = [
    ("x-forwarded-for", "1.1.1.1"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "javascript"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Port", "1"),
    ("X-Real-IP", "1.1.1.1"),
    ("Forwarded", "for=1.1.1.1"),
]


def test_a_job_gets_no_address_that_only_the_client_vouches_for() -> None:
    assert dict(passed_on(SPOOFED)) == {
        "X-Forwarded-For": "10.1.2.3",
        "X-Forwarded-Host": "jobs.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/api/x",
        "Host": "localhost",
    }


def test_a_job_gets_the_addresses_that_a_trusted_proxy_vouches_for() -> None:
    given = [
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-For", "198.51.100.7"),
        ("X-Real-IP", "198.51.100.7"),
    ]
    kept = passed_on(given, PROXIED)
    assert kept.getall("X-Forwarded-For") == ["1.1.1.1, 198.51.100.7, 10.1.2.3"]
    assert (kept["X-Forwarded-Host"], kept["X-Forwarded-Prefix"]) == ("jobs.example", "/team/api/x")
    assert kept["X-Real-IP"] == "198.51.100.7"
    by_standard = passed_on([("Forwarded", "for=198.51.100.7")], PROXIED)
    assert by_standard["X-Forwarded-For"] == "198.51.100.7, 10.1.2.3"
    assert "Forwarded" not in by_standard


def test_an_answer_keeps_its_headers_and_says_which_instance_it_is_of() -> None:
    kept = response_headers(
        {"Connection": "X-Hop", "X-Hop": "1", "Content-Length": "5", "Etag": "e"}, "a1b2c3"
    )
    assert dict(kept) == {"Content-Length": "5", "Etag": "e", "X-WebJobs-Instance": "a1b2c3"}


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        (["a=1"], ["a=1"]),
        (["a=1;b=2; c"], ["a=1;b=2; c"]),
        (["webjobs_session_0=x"], []),
        (["a=1; webjobs_session_0=x; b=2"], ["a=1; b=2"]),
        (["webjobs_session_0=x; a=1"], ["a=1"]),
        (["a=1;webjobs_session_1=y", "webjobs_session_0=x", "b=2"], ["a=1", "b=2"]),
        (
            ["not_webjobs_session_0=1; a=webjobs_session_0=1"],
            ["not_webjobs_session_0=1; a=webjobs_session_0=1"],
        ),
        (["=webjobs_session_0=x"], []),
        ([""], []),
    ],
)
def test_a_job_gets_no_session_of_a_person(sent: list[str], passed: list[str]) -> None:
    assert passed_on([("cookie", value) for value in sent]).getall("Cookie", []) == passed


def test_a_job_sets_and_ends_no_session() -> None:
    given = CIMultiDict(
        [
            ("set-cookie", "webjobs_session_0=x; Path=/"),
            ("Set-Cookie", " webjobs_session_0 =x"),
            ("Set-Cookie", "=webjobs_session_0=x"),
            ("Set-Cookie", "\t= WebJobs_Session_0"),
            ("Set-Cookie", "a=webjobs_session_0"),
            ("Clear-Site-Data", '"*"'),
        ]
    )
    kept = response_headers(given, "a1b2c3")
    assert list(kept.items()) == [("Set-Cookie", "a=webjobs_session_0"), ("X-WebJobs-Instance", "a1b2c3")]
