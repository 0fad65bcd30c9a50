"""Each operation: the request it makes, and what it reads from an answer; no server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from webjobs_client import InvalidAnswer, InvalidRequest, operations
from webjobs_client.exchange import Answer, Upload
from webjobs_client.models import duration_of

UPLOAD = Upload(3, lambda: iter([b"abc"]))
JSON, PATCH = "application/json", "application/merge-patch+json"

REQUESTS: list[tuple[Any, str, str, dict[str, str], Any]] = [
    (operations.job("a b/ü"), "GET", "/api/triggeredwebjobs/a%20b%2F%C3%BC", {}, None),
    (operations.job("w", job_type="continuous"), "GET", "/api/continuouswebjobs/w", {}, None),
    (operations.overview(), "GET", "/api/overview", {}, None),
    (
        operations.overview(filter="failed", text="a&b", job_type="triggered", limit=5, after="x"),
        "GET",
        "/api/overview?filter=failed&text=a%26b&type=triggered&limit=5&after=x",
        {},
        None,
    ),
    (
        operations.deploy_upload("j", UPLOAD, job_type="triggered", file_name=None),
        "PUT",
        "/api/triggeredwebjobs/j",
        {"Content-Type": "application/zip"},
        UPLOAD,
    ),
    (
        operations.deploy_upload("j", UPLOAD, job_type="triggered", file_name="größe.sh"),
        "PUT",
        "/api/triggeredwebjobs/j",
        {
            "Content-Disposition": "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.sh",
            "Content-Type": "application/octet-stream",
        },
        UPLOAD,
    ),
    (operations.delete("j"), "DELETE", "/api/triggeredwebjobs/j", {}, None),
    (
        operations.bulk("run", [("triggered", "j")]),
        "POST",
        "/api/jobs/actions",
        {"Content-Type": JSON},
        {"action": "run", "jobs": [{"type": "triggered", "name": "j"}]},
    ),
    (
        operations.bulk("enable", filter={}),
        "POST",
        "/api/jobs/actions",
        {"Content-Type": JSON},
        {"action": "enable", "filter": {}},
    ),
    (operations.why("w", job_type="continuous"), "GET", "/api/continuouswebjobs/w/why", {}, None),
    (
        operations.acknowledge("j", kinds=["failed"], until=datetime(2030, 1, 2, tzinfo=UTC), note="n"),
        "POST",
        "/api/acknowledgements",
        {"Content-Type": JSON},
        {"type": "triggered", "job": "j", "kinds": ["failed"], "until": "2030-01-02T00:00:00Z", "note": "n"},
    ),
    (
        operations.acknowledge_hook("h", until="forever", note="n"),
        "POST",
        "/api/acknowledgements",
        {"Content-Type": JSON},
        {"hook": "h", "until": "forever", "note": "n"},
    ),
    (operations.acknowledgements(), "GET", "/api/acknowledgements", {}, None),
    (operations.withdraw_acknowledgement("a"), "DELETE", "/api/acknowledgements/a", {}, None),
    (
        operations.bulk_runs("cancel", [("j", "1")]),
        "POST",
        "/api/runs/actions",
        {"Content-Type": JSON},
        {"action": "cancel", "runs": [{"job": "j", "id": "1"}]},
    ),
    (
        operations.bulk_runs("rerun", filter={"job": ["j"], "since": datetime(2030, 1, 2, tzinfo=UTC)}),
        "POST",
        "/api/runs/actions",
        {"Content-Type": JSON},
        {"action": "rerun", "filter": {"job": ["j"], "since": "2030-01-02T00:00:00Z"}},
    ),
    (operations.refusals(), "GET", "/api/refusals", {}, None),
    (
        operations.start_run("j", [], idempotency_key="k"),
        "POST",
        "/api/triggeredwebjobs/j/run",
        {"Idempotency-Key": "k"},
        None,
    ),
    (
        operations.start_run("j", ["a b", "it's", ""], idempotency_key="k"),
        "POST",
        "/api/triggeredwebjobs/j/run",
        {"Idempotency-Key": "k", "Content-Type": JSON},
        {"arguments": "'a b' 'it'\"'\"'s' ''"},
    ),
    (
        operations.start_rerun("j", "1", None, idempotency_key="k"),
        "POST",
        "/api/triggeredwebjobs/j/history/1/rerun",
        {"Idempotency-Key": "k"},
        None,
    ),
    (
        operations.start_rerun("j", "1", [], idempotency_key="k"),
        "POST",
        "/api/triggeredwebjobs/j/history/1/rerun",
        {"Idempotency-Key": "k", "Content-Type": JSON},
        {"arguments": ""},
    ),
    (
        operations.run_page(
            job=["a", "b"], status="active", since=datetime(2026, 1, 2, 3, tzinfo=UTC), limit=7, before="9"
        ),
        "GET",
        "/api/runs?job=a&job=b&status=active&since=2026-01-02T03%3A00%3A00Z&limit=7&before=9",
        {},
        None,
    ),
    (operations.run_details("j", "1"), "GET", "/api/runs/j/1", {}, None),
    (operations.cancel("j", "1"), "DELETE", "/api/triggeredwebjobs/j/history/1", {}, None),
    (operations.start("w"), "POST", "/api/continuouswebjobs/w/start", {}, None),
    (operations.stop("w"), "POST", "/api/continuouswebjobs/w/stop", {}, None),
    (operations.restart("w"), "POST", "/api/continuouswebjobs/w/restart", {}, None),
    (operations.log("j", "1"), "GET", "/api/triggeredwebjobs/j/history/1/log", {}, None),
    (operations.log_window("j", "1"), "GET", "/api/triggeredwebjobs/j/history/1/log?line=1", {}, None),
    (
        operations.log_window("j", "1", around=5, lines=9),
        "GET",
        "/api/triggeredwebjobs/j/history/1/log?around=5&lines=9",
        {},
        None,
    ),
    (
        operations.log_search("j", "1", "a b", case=True),
        "GET",
        "/api/triggeredwebjobs/j/history/1/log/search?q=a+b&case=true",
        {},
        None,
    ),
    (operations.job_log("w"), "GET", "/api/vfs/LogFiles/Application/continuous/w.log", {}, None),
    (
        operations.cancel("j", "1", reason="a b"),
        "DELETE",
        "/api/triggeredwebjobs/j/history/1?reason=a+b",
        {},
        None,
    ),
    (operations.settings("j"), "GET", "/api/triggeredwebjobs/j/settings", {}, None),
    (
        operations.put_settings("j", {"a": 1}, if_match='"x"'),
        "PUT",
        "/api/triggeredwebjobs/j/settings",
        {"Content-Type": JSON, "If-Match": '"x"'},
        {"a": 1},
    ),
    (
        operations.patch_settings("w", {"a": None}, job_type="continuous"),
        "PATCH",
        "/api/continuouswebjobs/w/settings",
        {"Content-Type": PATCH},
        {"a": None},
    ),
    (operations.app_settings(), "GET", "/api/settings", {}, None),
    (operations.app_setting("A:b"), "GET", "/api/settings/A%3Ab", {}, None),
    (
        operations.set_app_settings({"A": "x", "B": 2}),
        "POST",
        "/api/settings",
        {"Content-Type": JSON},
        {"A": "x", "B": 2},
    ),
    (operations.delete_app_setting("A"), "DELETE", "/api/settings/A", {}, None),
    (operations.schedule("j", next=2), "GET", "/api/triggeredwebjobs/j/schedule?next=2", {}, None),
    (operations.versions("j"), "GET", "/api/triggeredwebjobs/j/versions", {}, None),
    (
        operations.version_diff("j", "aa", against="bb"),
        "GET",
        "/api/triggeredwebjobs/j/versions/aa/diff?against=bb",
        {},
        None,
    ),
    (operations.deployment("1-a"), "GET", "/api/deployments/1-a", {}, None),
    (operations.deployments(), "GET", "/api/deployments", {}, None),
    (
        operations.deployments("a b", limit=2, before="1-a"),
        "GET",
        "/api/deployments?job=triggered%2Fa+b&limit=2&before=1-a",
        {},
        None,
    ),
    (operations.deployment_log("1-a"), "GET", "/api/deployments/1-a/log", {}, None),
    (
        operations.deploy_upload("j", UPLOAD, job_type="triggered", file_name=None, is_async=True),
        "PUT",
        "/api/triggeredwebjobs/j",
        {"Content-Type": "application/zip", "Prefer": "respond-async"},
        UPLOAD,
    ),
    (operations.restore("j", "aa"), "POST", "/api/triggeredwebjobs/j/versions/aa/restore", {}, None),
    (operations.hooks(), "GET", "/api/hooks", {}, None),
    (operations.hook("h"), "GET", "/api/hooks/h", {}, None),
    (
        operations.add_hook("http://x", "*", job="j"),
        "POST",
        "/api/hooks",
        {"Content-Type": JSON},
        {"url": "http://x", "event": "*", "type": None, "job": "j", "secret": None, "insecure_ssl": False},
    ),
    (
        operations.change_hook("h", {"secret": None}),
        "PATCH",
        "/api/hooks/h",
        {"Content-Type": JSON},
        {"secret": None},
    ),
    (operations.delete_hook("h"), "DELETE", "/api/hooks/h", {}, None),
    (operations.hook_deliveries("h", limit=3), "GET", "/api/hooks/h/deliveries?limit=3", {}, None),
    (
        operations.redeliver("h", "d"),
        "POST",
        "/api/hooks/h/deliveries",
        {"Content-Type": JSON},
        {"delivery_id": "d"},
    ),
    (operations.test_hook("h"), "POST", "/api/hooks/h/test", {}, None),
    (operations.health(), "GET", "/healthz", {}, None),
    (operations.system(), "GET", "/api/system", {}, None),
    (operations.request("get", "/x?y=1", headers={"A": "b"}), "GET", "/x?y=1", {"A": "b"}, None),
]


def described(operation: Any) -> tuple[str, str, dict[str, str], Any]:
    request = operation.request
    body = json.loads(request.body) if isinstance(request.body, bytes) else request.body
    return request.method, request.target, dict(request.headers), body


@pytest.mark.parametrize("row", REQUESTS, ids=[f"{row[1]} {row[2]}" for row in REQUESTS])
def test_the_request_of_an_operation(row: tuple[Any, str, str, dict[str, str], Any]) -> None:
    operation, *wanted = row
    assert list(described(operation)) == wanted


def test_every_operation_is_in_the_table() -> None:
    def is_operation(function: Any) -> bool:
        returned = getattr(function, "__annotations__", {}).get("return")
        return getattr(returned, "__origin__", None) is operations.Operation

    public = {
        name for name, found in vars(operations).items() if not name.startswith("_") and is_operation(found)
    }
    source = Path(__file__).read_text()
    assert {name for name in public if f"operations.{name}(" not in source} == set()
    assert "run_details" in public and "health" in public


def test_what_starts_something_is_sent_again_only_with_a_key_and_what_counts_calls_never() -> None:
    once = {
        (operation.request.method, operation.request.target)
        for operation, *_ in REQUESTS
        if not operation.request.is_repeatable
    }
    assert once == {
        ("POST", "/api/jobs/actions"),
        ("POST", "/api/continuouswebjobs/w/restart"),
        ("DELETE", "/api/acknowledgements/a"),
        ("POST", "/api/runs/actions"),
        ("PUT", "/api/triggeredwebjobs/j/settings"),  # with If-Match
        ("POST", "/api/hooks/h/deliveries"),
        ("POST", "/api/hooks/h/test"),
        ("GET", "/healthz"),
    }


RUN = {
    "id": "202601020304050000",
    "name": "202601020304050000",
    "status": "Running",
    "start_time": "2026-01-02T03:04:05.25Z",
    "end_time": "0001-01-01T00:00:00",
    "duration": "1.02:03:04.2500000",
    "url": "u",
    "output_url": "o",
    "error_url": None,
    "job_name": "j",
    "trigger": "External - x",
    "a_new_field": {"of": "a newer api"},
}


def read(operation: Any, body: object, **headers: str) -> Any:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return operation.decode(Answer(200, pairs, encoded))


def test_a_run_is_read() -> None:
    run = read(operations.run_details("j", "1"), RUN)
    assert (run.has_ended, run.ended_at, run.seconds) == (False, None, 93784.25)
    assert run.started_at == datetime(2026, 1, 2, 3, 4, 5, 250000, tzinfo=UTC)
    ended = read(
        operations.run_details("j", "1"), {**RUN, "status": "Failed", "end_time": "2026-01-02T03:05:00Z"}
    )
    assert ended.has_ended and ended.ended_at == datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


def test_a_started_run_is_named_by_its_location() -> None:
    key = read(
        operations.start_run("a b", [], idempotency_key="k"), b"", location="http://h/p/history/77?x=1"
    )
    joined = read(
        operations.start_run("a", [], if_running="join", idempotency_key="k"),
        b'{"job":"a","id":"77","joined":true}',
        location="http://h/p/history/77",
    )
    assert (joined.id, joined.joined) == ("77", True)
    assert (key.job, key.id, key.joined) == ("a b", "77", False)
    with pytest.raises(InvalidAnswer, match="names no run"):
        read(operations.start_run("j", [], idempotency_key="k"), b"")


def test_settings_are_read_with_their_tag() -> None:
    found = read(operations.settings("j"), {"a": 1}, etag='W/"5"')
    assert (found.values, found.etag) == ({"a": 1}, 'W/"5"')
    assert read(operations.put_settings("j", {}), {"warnings": ["w"]}) == ["w"]


def test_health_is_read_when_something_is_away() -> None:
    found = read(operations.health(), {"status": "not ready", "missing": {"nats": "down"}})
    assert not found.is_ready and found.missing == {"nats": "down"}
    assert 503 in operations.health().good


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b'{"id": 5}', b"\xff"])
def test_another_program_at_the_address_is_an_invalid_answer(body: bytes) -> None:
    with pytest.raises(InvalidAnswer, match="cannot be read"):
        read(operations.run_details("j", "1"), body)


@pytest.mark.parametrize(
    "make",
    [
        lambda: operations.job(""),
        lambda: operations.job(".."),
        lambda: operations.job("j", job_type="both"),  # type: ignore[arg-type]
        lambda: operations.start_run("j", "a b", idempotency_key="k"),
        lambda: operations.run_page(since=datetime(2026, 1, 1)),
        lambda: operations.request("GET", "api/jobs"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_is_sent(make: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        make()
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:00", 0), ("00:01:00.5000000", 60.5), ("23:59:59", 86399), ("2.00:00:01", 172801)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_of(text) == timedelta(seconds=seconds)
