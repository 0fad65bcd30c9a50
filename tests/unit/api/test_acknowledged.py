"""Does an acknowledgement still cover what needs attention, at this instant and with this evidence?"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from webjobs_api.backends.failing_hook import HookAcknowledgement
from webjobs_api.overview.acknowledge_request import (
    NamedHook,
    NamedJob,
    acknowledge_request_of,
    terms_of,
    until_of,
)
from webjobs_api.overview.acknowledged import Given, covers, divided
from webjobs_api.overview.attention import HOOK, Attention, AttentionKind, evidence_in
from webjobs_api.overview.errors import InvalidAcknowledgement
from webjobs_api.wording.sentence import Sentence
from webjobs_events.events import Term
from webjobs_events.queries import AcknowledgementView
from webjobs_rules.job import JobType

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def attention(evidence: str = "exit_code 1", **changes: Any) -> Attention:
    facts: dict[str, Any] = {
        "job": "job",
        "type": "triggered",
        "kind": AttentionKind.FAILED,
        "sentence": Sentence("Why."),
        "since": NOW - HOUR,
        "evidence": evidence,
    }
    return Attention(**(facts | changes))


def acknowledged(term: Term, evidence: str = "exit_code 1", **changes: Any) -> AcknowledgementView:
    facts: dict[str, Any] = {
        "job_type": JobType.TRIGGERED,
        "job_name": "job",
        "kind": "failed",
        "acknowledgement_id": "a1",
        "at": NOW - HOUR,
        "by": "Dashboard - ada",
        "term": term,
        "evidence": evidence,
    }
    return AcknowledgementView(**(facts | changes))


CHANGE, FOREVER = acknowledged(Term.CHANGE), acknowledged(Term.FOREVER)
UNTIL_NOON = acknowledged(Term.INSTANT, until=NOW)


@pytest.mark.parametrize(
    ("given", "found", "after", "expected"),
    [
        (CHANGE, attention(), HOUR, True),
        (CHANGE, attention("exit_code 2"), HOUR, False),
        (CHANGE, attention(sentence=Sentence("Other words."), since=NOW), HOUR, True),
        (CHANGE, attention(""), HOUR, True),  # not known while the next run goes on
        (acknowledged(Term.CHANGE, ""), attention(), HOUR, True),
        (FOREVER, attention("exit_code 2"), 10_000 * HOUR, True),
        (UNTIL_NOON, attention("exit_code 2"), -timedelta(microseconds=1), True),
        (UNTIL_NOON, attention(), timedelta(0), False),
        (FOREVER, attention(kind=AttentionKind.REFUSED), HOUR, False),
        (FOREVER, attention(job="Job"), HOUR, False),
        (FOREVER, attention(type="continuous"), HOUR, False),
    ],
)
def test_whether_it_is_still_covered(
    given: AcknowledgementView, found: Attention, after: timedelta, expected: bool
) -> None:
    assert covers(given, found, NOW + after) is expected
    open_ones, covered = divided([found], [given], NOW + after)
    assert (open_ones, covered) == (([], [(found, given)]) if expected else ([found], []))


def of_hook(term: Term, **changes: Any) -> HookAcknowledgement:
    facts: dict[str, Any] = {
        "hook": "h1",
        "acknowledgement_id": "a2",
        "at": NOW - HOUR,
        "by": "Dashboard - ada",
        "term": term,
        "evidence": "status 503",
    }
    return HookAcknowledgement(**(facts | changes))


def hook(**changes: Any) -> Attention:
    facts = {"job": "h1", "type": HOOK, "kind": AttentionKind.HOOK_FAILING, "since": NOW - 2 * HOUR}
    return attention(**({"evidence": "status 503"} | facts | changes))


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        (of_hook(Term.CHANGE), hook(), True),
        (of_hook(Term.CHANGE), hook(evidence="status 500"), False),
        (of_hook(Term.FOREVER), hook(evidence="status 500"), True),
        (of_hook(Term.FOREVER), hook(since=NOW), False),  # it has delivered in between
        (of_hook(Term.FOREVER), hook(job="h2"), False),
        (of_hook(Term.INSTANT, until=NOW), hook(), False),
        (of_hook(Term.FOREVER), attention(job="h1"), False),
        (acknowledged(Term.FOREVER, job_name="h1", kind="hook_failing"), hook(), False),
    ],
)
def test_a_hook_is_covered_until_it_delivers(given: Given, found: Attention, expected: bool) -> None:
    assert covers(given, found, NOW) is expected


def test_long_evidence_is_compared_to_its_end() -> None:
    long = "x" * 5_000
    assert evidence_in("short") == "short"
    assert len(evidence_in(long)) <= 120 and evidence_in(long) != evidence_in(long + "y")


def body(**changes: Any) -> bytes:
    return msgspec.json.encode({"job": "job", "type": "triggered"} | changes)


def test_what_a_request_means() -> None:
    named, terms = acknowledge_request_of(b"\xef\xbb\xbf" + body(note="  Known. "), NOW)
    assert named == NamedJob(JobType.TRIGGERED, "job")
    assert (terms.kinds, terms.term, terms.until, terms.note) == (None, Term.CHANGE, None, "Known.")
    _, terms = acknowledge_request_of(body(kinds=["failed"], until="2026-03-28T14:30:00+02:00"), NOW)
    assert terms.kinds == {AttentionKind.FAILED}
    assert (terms.term, terms.until) == (Term.INSTANT, NOW + timedelta(minutes=30))
    assert acknowledge_request_of(body(note="ä" * 1000, until="forever"), NOW)[1].term is Term.FOREVER
    assert acknowledge_request_of(b'{"hook": "h1"}', NOW)[0] == NamedHook("h1")


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b"\xff",
        body(job=1),
        body(type="other"),
        body(kinds=[]),
        body(kinds=["other"]),
        body(until="never"),
        body(until="instant"),
        body(until=""),
        body(until="2026-03-28T14:30:00"),
        body(until="2026-03-28T12:00:00Z"),
        body(until="9999-12-31T23:59:59-14:00"),
        body(until="2027-01-01T00:00:00Z" + " " * 100),
        body(note="ä" * 1001),
        body(note="a\0b"),
        body(other=1),
        body(hook="h1"),
        body(job=None),
        b"{}",
    ],
)
def test_what_a_request_cannot_say(wrong: bytes) -> None:
    with pytest.raises(InvalidAcknowledgement):
        acknowledge_request_of(wrong, NOW)


def test_tomorrow_is_the_next_day_at_nine_in_the_zone_of_the_site() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for choice, expected in (
        ("hour", NOW + HOUR),
        ("tomorrow", datetime(2026, 3, 29, 7, 0, tzinfo=UTC)),  # summer time begins in that night
    ):
        assert terms_of(until_of(choice, NOW, berlin), "", NOW).until == expected
    assert until_of("change", NOW, berlin) == "change"
