"""The rows of the overview as its page shows them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from webjobs_api.http.urls import Urls
from webjobs_api.overview.acknowledgement_json import AcknowledgementJson
from webjobs_api.overview.attention import AttentionKind
from webjobs_api.overview.overview_json import AcknowledgedJson, AttentionJson, JobRowJson, LatestRunJson
from webjobs_api.pages.acknowledgement_lines import acknowledged_line
from webjobs_api.pages.job_lines import attention_line, job_line, page_address
from webjobs_api.wording.sentence import Sentence
from webjobs_rules.job import JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Status

AT = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
URLS = Urls("/x")
RUN_ID = RunId("202601021200000000")
SENTENCE = Sentence("Why.")


def row(**changes: Any) -> JobRowJson:
    empty: dict[str, Any] = {name: None for name in JobRowJson.__struct_fields__}
    rest = {"results": "", "durations_ms": [], "streak": 0, "instances": [], "disabled": False, "url": ""}
    return JobRowJson(**{**empty, **rest, "job": "a b", "type": JobType.TRIGGERED, **changes})


def latest(status: Status) -> LatestRunJson:
    empty: dict[str, Any] = {name: None for name in LatestRunJson.__struct_fields__}
    known = {"run_id": RUN_ID, "status": status, "attempt": 1, "trigger": "", "url": "", "requested_at": AT}
    return LatestRunJson(**{**empty, **known, "evidence": "The script exited with code 3."})


@pytest.mark.parametrize(
    ("changes", "status", "button"),
    [
        ({}, "Never", "Run"),
        ({"status": Status.SUCCESS}, "Success", "Run"),
        ({"status": Status.SUCCESS, "disabled": True}, "Disabled", ""),
        ({"type": JobType.CONTINUOUS, "status": Status.RUNNING}, "Running", "Stop"),
        ({"type": JobType.CONTINUOUS, "status": Status.STOPPED, "disabled": True}, "Disabled", "Start"),
    ],
)
def test_a_job_has_a_word_and_the_button_that_makes_sense(
    changes: dict[str, Any], status: str, button: str
) -> None:
    line = job_line(row(**changes), URLS)
    assert (line.status, line.button[1]) == (status, button)


def test_how_it_ended_is_said_unless_it_succeeded() -> None:
    failed = job_line(row(status=Status.FAILED, latest=latest(Status.FAILED)), URLS)
    assert failed.note == "The script exited with code 3."
    assert failed.run_url == f"/x/pages/triggered/a%20b/history/{RUN_ID}"
    assert job_line(row(status=Status.SUCCESS, latest=latest(Status.SUCCESS)), URLS).note == ""
    assert job_line(row(error="settings.job …"), URLS).note == "Something was refused."


def test_results_without_durations_have_bars_too() -> None:
    bars = job_line(row(results="SFA", durations_ms=[100]), URLS).bars
    assert bars is not None
    assert bars.label == "Last 3 runs: 1 succeeded, 1 failed and 1 aborted."
    assert job_line(row(type=JobType.CONTINUOUS), URLS).bars is None


def test_figures_are_words() -> None:
    line = job_line(row(median_ms=1500, success_rate=0.786), URLS)
    assert (line.usual, line.rate) == ("1.5 s", "79 %")


@pytest.mark.parametrize("kind", list(AttentionKind))
def test_every_reason_has_a_word_and_leads_somewhere(kind: AttentionKind) -> None:
    reason = AttentionJson(job="a b", type="triggered", kind=kind, text="", since=AT, run_id=None, url="/")
    line = attention_line(reason, SENTENCE, URLS)
    assert line.word and line.url == "/x/pages/triggered/a%20b"


def test_a_reason_leads_to_its_run_and_that_of_no_job_nowhere() -> None:
    known: dict[str, Any] = {"job": "a", "type": "triggered", "kind": AttentionKind.REFUSED, "text": "Why."}
    of_run = AttentionJson(**known, since=AT, run_id=RUN_ID, url="")
    assert attention_line(of_run, SENTENCE, URLS).url == f"/x/pages/triggered/a/history/{RUN_ID}"
    of_folder = AttentionJson(**known, since=AT, run_id=None, url=URLS.refusals)
    assert attention_line(of_folder, SENTENCE, URLS).url == ""


def test_a_hook_is_named_by_its_address_and_leads_to_its_page() -> None:
    reason = AttentionJson(
        job="",
        type="hook",
        kind=AttentionKind.HOOK_FAILING,
        text="",
        since=AT,
        run_id=None,
        url="/",
        hook="a/b",
        target="https://example.com",
    )
    line = attention_line(reason, SENTENCE, URLS)
    assert (line.subject, line.subject_url) == ("https://example.com", "/x/pages/hooks/a%2Fb")
    assert (line.url, line.action, line.key) == (line.subject_url, "See the calls", "hook-hook_failing-a%2Fb")


@pytest.mark.parametrize(
    ("until", "ends"),
    [
        ("change", "Until it changes."),
        ("forever", "For good, until it recovers."),
        ("2026-01-02T13:00:00Z", "Ends in 1 h."),
    ],
)
def test_what_is_acknowledged_says_by_whom_and_until_when(until: str, ends: str) -> None:
    given = AcknowledgementJson(
        id="2026-1f",
        job="a b",
        type="triggered",
        kinds=["failed"],
        by="ada",
        at=AT,
        until=until,
        note="N",
    )
    known = AcknowledgedJson(
        job="a b",
        type="triggered",
        kind=AttentionKind.FAILED,
        text="Why.",
        since=AT,
        run_id=RUN_ID,
        url="",
        acknowledgement=given,
    )
    line = acknowledged_line(known, URLS)
    assert line.ends.text(AT) == ends
    assert (line.reason.word, line.reason.sentence, line.by, line.note) == ("Failed", SENTENCE, "ada", "N")
    assert line.reason.subject_url == "/x/pages/triggered/a%20b"
    assert line.withdraw == "/x/pages/acknowledgements/2026-1f/withdraw"


def test_an_address_names_only_what_is_chosen() -> None:
    assert page_address("/x", text="", filter="") == "/x/"
    assert page_address("/x", text="a b", filter="failed") == "/x/?text=a+b&filter=failed"
