"""What of a request a job's own server gets to see, and what of its answer the client does."""

import pytest
from webjobs_api.forwarding import Origin, request_headers, response_headers, target_of

BASE = "/api/continuouswebjobs"
ROUTE = f"{BASE}/{{job}}/passthrough/{{path}}"
OLD_BASE = "/api/jobs/continuous"
OLD_ROUTE = f"{OLD_BASE}/{{job}}/passthrough"
ORIGIN = Origin(client="10.1.2.3", host="jobs.example", scheme="https", prefix="/api/x")


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
    kept = request_headers(given, ORIGIN, with_authorization=True)
    assert kept.getall("Accept") == ["a", "b"]
    assert kept["Host"] == "localhost"
    assert kept["X-Forwarded-For"] == "10.1.2.3"
    assert (kept["X-Forwarded-Host"], kept["X-Forwarded-Proto"]) == ("jobs.example", "https")
    assert kept["X-Forwarded-Prefix"] == "/api/x"
    left = {name.lower() for name in kept if not name.lower().startswith("x-forwarded-")}
    assert left == {"accept", "authorization", "host"}


def test_the_credentials_of_the_api_stay_with_it() -> None:
    kept = request_headers([("authorization", "Basic x")], ORIGIN, with_authorization=False)
    assert "Authorization" not in kept


def test_an_answer_keeps_its_headers_and_says_which_instance_it_is_of() -> None:
    kept = response_headers(
        {"Connection": "X-Hop", "X-Hop": "1", "Content-Length": "5", "Etag": "e"}, "a1b2c3"
    )
    assert dict(kept) == {"Content-Length": "5", "Etag": "e", "X-WebJobs-Instance": "a1b2c3"}
