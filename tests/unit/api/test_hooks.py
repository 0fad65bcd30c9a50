import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.sample_messages import EVENTS
from webjobs_api.hooks.back_off import HookTerms
from webjobs_api.hooks.errors import InvalidHook
from webjobs_api.hooks.hook import Hook, HookState, Outcome, Source, event_name
from webjobs_api.hooks.hook_request import hook_of
from webjobs_api.hooks.rendering import delivery_of
from webjobs_api.hooks.responses import hook_json, status_word
from webjobs_api.hooks.sender import parse_retry_after
from webjobs_api.hooks.signature import signature
from webjobs_api.hooks.target import is_public, parse_target, shown
from webjobs_events.envelope import cause_in, encode_event
from webjobs_events.events import Event, RunFailed, SettingsChanged
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_rules.trace import Trace

NOW = datetime(2026, 1, 2, 3, 5, 6, tzinfo=UTC)
FAILED = RunFailed(
    at=NOW,
    instance="327e1e",
    job_name=JobName("nightly.report"),
    run_id=RunId("202601020304056789"),
    trigger="External - curl/8.5.0",
    digest="d1",
    requested_at=NOW - timedelta(seconds=62),
    started_at=NOW - timedelta(seconds=60),
    reason=Reason.EXIT_CODE,
    exit_code=3,
)


def hook(**wanted: Any) -> Hook:
    body = {"url": "https://example.com/hook", "event": "TriggeredJobFinished"} | wanted
    return hook_of(json.dumps(body).encode(), "http://webjobs:8080", {}, NOW)


def told(to: Hook, event: Event) -> Any:
    headers, data = encode_event(event)
    return delivery_of(to, Source.EVENTS, event.subject(Subjects()), headers, data, 7)


def test_a_call_bears_the_trace_of_what_it_tells() -> None:
    trace = Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1")
    headers, data = encode_event(FAILED, cause_in(trace))
    subject = FAILED.subject(Subjects())
    for to in (hook(), hook(event="*")):
        delivery = delivery_of(to, Source.EVENTS, subject, headers, data, 7)
        assert delivery is not None
        assert trace.headers.items() <= delivery.headers(to, 1, 0).items()
    subject = "webjobs.published.PostDeployment"
    published = delivery_of(hook(), Source.PUBLISHED, subject, trace.headers, b"{}", 7)
    assert published is not None
    assert published.attributes == trace.headers
    for bad in ({}, {"traceparent": "x\r\ny"}, {"tracestate": "a=1"}):
        published = delivery_of(hook(), Source.PUBLISHED, subject, bad, b"{}", 7)
        assert published is not None
        assert published.attributes == {}


# Signature


def test_a_signature_is_that_of_standard_webhooks() -> None:
    key = b"0123456789abcdef"
    secret = f"whsec_{base64.b64encode(key).decode()}"
    expected = hmac.new(key, b'msg.1700000000.{"a":1}', hashlib.sha256).digest()
    assert signature(secret, "msg", 1_700_000_000, b'{"a":1}') == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize("secret", ["any words", "whsec_no base64!", "ключ"])
def test_any_other_secret_is_the_key_itself(secret: str) -> None:
    expected = hmac.new(secret.encode(), b"msg.1.{}", hashlib.sha256).digest()
    assert signature(secret, "msg", 1, b"{}") == f"v1,{base64.b64encode(expected).decode()}"


# Back-off


def test_waits_double_up_to_the_longest() -> None:
    terms = HookTerms(spread=0.0)
    assert [terms.wait(attempt, 0.9) for attempt in (1, 2, 3, 7, 8, 9, 1000)] == [
        5,
        10,
        20,
        320,
        600,
        600,
        600,
    ]


def test_waits_are_spread() -> None:
    terms = HookTerms(spread=0.2)
    assert [terms.wait(1, chance) for chance in (0.0, 0.5, 1.0)] == [4.0, 5.0, 6.0]


def test_a_receiver_may_ask_for_more_time_but_not_for_any_time() -> None:
    terms = HookTerms(spread=0.0)
    assert [terms.wait(1, 0.5, retry_after) for retry_after in (0.0, 3.0, 60.0, 1e9)] == [5, 5, 60, 3600]
    headers = ("", "60", "-1", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 10)
    assert [parse_retry_after(header) for header in headers] == [0, 60, 0, 0, 0]


def test_a_receiver_that_is_down_for_an_hour_is_called_again_within_a_quarter_of_an_hour() -> None:
    terms, at, attempt = HookTerms(spread=0.0), 0.0, 1
    while at < 3600:
        assert not terms.gives_up(attempt, timedelta(seconds=at))
        at += terms.wait(attempt, 0.5)
        attempt += 1
    assert at < 3600 + 15 * 60


def test_what_is_old_and_was_tried_often_is_given_up() -> None:
    terms = HookTerms()
    assert terms.gives_up(5, timedelta(days=3))
    assert not terms.gives_up(5, timedelta(days=2))
    assert not terms.gives_up(4, timedelta(days=30))  # nobody was there to try it until now


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fec0::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
        "not an address", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_open_internet_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "  ", "example.com", "/path", "ftp://example.com/", "file:///etc/passwd", "http://", "http:///path",
        "http://example.com:99999/", "http://example.com:0/", "http://[::1", "http://a\x00b/", "gopher://x",
        "javascript:alert(1)", "http://" + "a" * 70 + ".com/", "https://example.com/" + "x" * 2000, "http://a\nb/",
    ],
)  # fmt: skip
def test_what_cannot_be_called_is_no_address(url: str) -> None:
    with pytest.raises(InvalidHook):
        parse_target(url)


def test_two_ways_to_write_an_address_are_one() -> None:
    assert str(parse_target(" HTTPS://Example.com:443/a?b=1#c ")) == "https://example.com/a?b=1"


def test_credentials_in_an_address_are_hidden() -> None:
    assert shown("https://ann:secret@example.com/a") == "https://***@example.com/a"
    assert shown("https://example.com/a") == "https://example.com/a"


# What may be asked for


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("triggeredjobfinished", "TriggeredJobFinished"),
        ("postDeployment", "PostDeployment"),
        ("*", "*"),
        ("Success", "Success"),
        (" Failed,Aborted , Failed", "Aborted,Failed"),
    ],
)
def test_names_of_events_are_written_in_one_way(given: str, meant: str) -> None:
    assert event_name(given) == meant


@pytest.mark.parametrize(
    "given", ["", "Sucess", "success", "Success,*", "Success,TriggeredJobFinished", "a\x00b"]
)
def test_names_of_no_event_are_refused(given: str) -> None:
    with pytest.raises(InvalidHook, match="known are TriggeredJobFinished"):
        event_name(given)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000, b'{"event": "*"}', b'{"url": "https://example.com"}',
        b'{"url": 1, "event": "*"}', b'{"url": "https://example.com", "event": null}',
        b'{"url": "https://example.com", "event": "*", "insecure_ssl": "no"}',
        b'{"url": "https://example.com", "event": "*", "job": ".."}',
        b'{"url": "https://example.com", "event": "*", "type": "nightly"}',
        b'{"url": "https://example.com", "event": "*", "secret": ""}',
        b'{"url": "https://example.com", "event": "*", "secret": "\\ud800"}',
        b'{"url": "https://example.com", "event": "TriggeredJobFinished", "type": "continuous"}',
    ],
)  # fmt: skip
def test_bodies_that_make_no_hook_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidHook) as refusal:
        hook_of(body, "http://webjobs", {}, NOW)
    assert str(refusal.value).endswith(".")


def test_what_is_shown_holds_neither_secret_nor_password() -> None:
    made = hook(url="https://ann:hunter2@example.com/", secret="s3cr3t")
    for text in (repr(hook_json(made, None)), repr(made)):
        assert "hunter2" not in text
        assert "s3cr3t" not in text
    assert hook_json(made, None).is_signed


# What is sent


def test_the_end_of_a_run_is_told_as_the_reference_tells_it() -> None:
    made = hook(secret="key")
    delivery = told(made, FAILED)
    assert delivery.event == "TriggeredJobFinished"
    run = json.loads(delivery.body)
    assert run["id"] == run["name"] == "202601020304056789"
    assert (run["job_name"], run["status"]) == ("nightly.report", "Failed")
    assert run["trigger"] == "External - curl/8.5.0"
    assert run["url"] == (
        "http://webjobs:8080/api/triggeredwebjobs/nightly.report/history/202601020304056789"
    )
    assert run["duration"].startswith("00:01:00")
    assert {"start_time", "end_time", "output_url", "error_url"} <= set(run)
    headers = delivery.headers(made, 2, 1_700_000_000)
    assert headers["webhook-id"] == f"{made.id}/triggered/nightly=2Ereport/202601020304056789/1/Failed"
    assert headers["Webjobs-Attempt"] == "2"
    assert headers["webhook-signature"] == signature(
        "key", headers["webhook-id"], 1_700_000_000, delivery.body
    )


def test_our_own_events_are_told_as_they_are_in_the_stream() -> None:
    made = hook(event="Failed,Aborted")
    delivery = told(made, FAILED)
    headers, data = encode_event(FAILED)
    assert delivery.body == data
    assert delivery.event == "Failed"
    sent = delivery.headers(made, 1, 1)
    assert {key: value for key, value in headers.items() if key.startswith("ce-")}.items() <= sent.items()
    assert "webhook-signature" not in sent


@pytest.mark.parametrize(
    "wanted",
    [{"event": "Success"}, {"event": "*", "job": "other"}, {"event": "*", "type": "continuous"}],
)
def test_what_a_hook_is_not_for_is_not_told(wanted: dict[str, str]) -> None:
    assert told(hook(**wanted), FAILED) is None


def test_no_hook_is_called_for_what_is_imported() -> None:
    assert told(hook(event="*"), EVENTS["triggered.Imported"]) is None
    with pytest.raises(InvalidHook, match="no event 'Imported'"):
        hook(event="Imported")


def test_ids_of_deliveries_differ_between_hooks_and_not_between_tries() -> None:
    one, other = hook(), hook()
    assert told(one, FAILED).id == told(one, FAILED).id
    assert told(one, FAILED).id != told(other, FAILED).id


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "OK"), (204, "NoContent"), (500, "InternalServerError"), (None, "Failure"), (799, "799")],
)
def test_statuses_are_words_of_the_reference(status: int | None, word: str) -> None:
    assert status_word(status) == word


def test_an_event_of_an_earlier_release_is_delivered_without_the_values_of_env() -> None:
    event = SettingsChanged(
        at=NOW,
        instance="327e1e",
        job_type=JobType.TRIGGERED,
        job_name=JobName("job"),
        revision=7,
        cause="settings/1",
        digest="d1",
        script="run.sh",
        settings={"timeout": 5, "env": {"TOKEN": "canary"}},
        disabled=False,
    )
    body = json.loads(told(hook(event="*"), event).body)
    assert (body["settings"], body["env_names"]) == ({"timeout": 5}, ["TOKEN"])


def test_what_was_sent_by_an_earlier_release_is_shown_without_the_values_of_env() -> None:
    sent = '{"event":"Deployed","settings":{"timeout":5,"env":{"TOKEN":"canary"}}}'
    for context in (sent, sent[:-10]):
        state = HookState(
            sequence=1,
            attempt=1,
            at=NOW,
            outcome=Outcome.DELIVERED,
            status=200,
            reason="OK",
            context=context,
        )
        last = hook_json(hook(event="*"), state).last_context
        assert last and "canary" not in last
