"""The rows of the overview as its page shows them; pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView
from webjobs_rules.amounts import took
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

from webjobs_api.http.legacy_responses import continuous_status
from webjobs_api.http.urls import Urls, quoted
from webjobs_api.overview.attention import AttentionKind
from webjobs_api.overview.overview_json import SHOWN_RESULTS, AttentionJson, JobRowJson, RunningJson
from webjobs_api.pages.bars import Bars, Result, bars_of
from webjobs_api.wording.sentence import Sentence

NEVER = "Never"
DISABLED = "Disabled"
_LETTERS = {"S": Status.SUCCESS, "F": Status.FAILED, "A": Status.ABORTED}
_KINDS = {
    AttentionKind.REFUSED: "Refused",
    AttentionKind.FAILED: "Failed",
    AttentionKind.CRASH_LOOP: "Crash loop",
    AttentionKind.MISSED: "Missed",
    AttentionKind.SKIPPED: "Skipped",
    AttentionKind.LONG_RUN: "Takes long",
    AttentionKind.HOOK_FAILING: "Hook fails",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job in the list.

    Attributes:
        name: Of the job.
        type: Triggered or continuous.
        url: Of its page.
        status: A status word, `Never` or `Disabled`.
        note: What is wrong about it, or how its latest run ended; empty when nothing is wrong.
        bars: Its last runs; None of a continuous job.
        since: When its latest run began, or since when it is up.
        took: How long its latest run took.
        usual: The median of its runs.
        rate: Its success rate in percent; empty when it is not known.
        run_url: Of the page of its latest run; empty without any.
        due: When it runs next by its schedule.
        button: Address and words of its button; empty when it has none.
    """

    name: str
    type: str
    url: str
    status: str
    note: str
    bars: Bars | None
    since: datetime | None
    took: str
    usual: str
    rate: str
    run_url: str
    due: datetime | None
    button: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionLine:
    """A reason why a job or a hook needs attention: a word, the facts in a sentence, and where to look.

    Attributes:
        key: Names the reason in ids of elements.
        subject: Name of the job, or whom the hook calls.
        subject_url: Of the page of the job or hook; empty for a folder that is none.
        job: Name of the job; empty of a hook.
        type: Triggered, continuous, or `hook`.
        hook: Id of the hook; empty of a job.
        kind: The reason, as in `GET /api/overview`.
        word: The reason in words.
        sentence: The facts.
        since: When it began.
        url: Where its action leads; empty for a folder that is no job.
        action: Words of that.
    """

    key: str
    subject: str
    subject_url: str
    job: str
    type: str
    hook: str
    kind: str
    word: str
    sentence: Sentence
    since: datetime | None
    url: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningLine:
    """A run that runs now."""

    id: str
    job: str
    url: str
    since: datetime | None
    usual: str
    arguments: str
    progress: str
    last_line: str


def job_line(row: JobRowJson, urls: Urls) -> JobLine:
    """The line of a job."""
    url = urls.page(row.type, row.job)
    status = DISABLED if row.disabled else _status_of(row)
    latest, is_triggered = row.latest, row.type is JobType.TRIGGERED
    began = (latest.started_at or latest.requested_at) if latest else None
    length = latest.ended_at - began if latest and latest.ended_at and began else None
    if is_triggered:
        button = ("", "") if row.disabled else (f"{url}/run", "Run")
    else:
        button = (f"{url}/start", "Start") if row.disabled else (f"{url}/stop", "Stop")
    return JobLine(
        name=row.job,
        type=row.type.value,
        url=url,
        status=status,
        note="Something was refused." if row.error else _end_of(row),
        bars=_bars(row) if is_triggered else None,
        since=began if is_triggered else row.up_since,
        took=took(length),
        usual=_milliseconds(row.median_ms),
        rate="" if row.success_rate is None else f"{round(100 * row.success_rate)} %",
        run_url=urls.run_page(row.job, latest.run_id) if latest else "",
        due=row.next_due,
        button=button,
    )


def attention_line(each: AttentionJson, sentence: Sentence, urls: Urls) -> AttentionLine:
    """The line of a reason with its facts; that of a folder which is no job leads nowhere."""
    if each.hook is not None:
        subject_url, action = urls.hook_page(each.hook), "See the calls"
    else:
        subject_url, action = urls.page(JobType(each.type), each.job), "See the job"
    url = subject_url
    if each.run_id is not None:
        url, action = urls.run_page(each.job, each.run_id), "See the run"
    elif each.url == urls.refusals:
        url = subject_url = action = ""
    return AttentionLine(
        key=f"{each.type}-{each.kind.value}-{quoted(each.hook or each.job)}",
        subject=each.target or each.job,
        subject_url=subject_url,
        job=each.job,
        type=each.type,
        hook=each.hook or "",
        kind=each.kind.value,
        word=_KINDS[each.kind],
        sentence=sentence,
        since=each.since,
        url=url,
        action=action,
    )


def running_line(each: RunningJson, urls: Urls) -> RunningLine:
    """The line of a run that runs."""
    return RunningLine(
        id=each.run_id,
        job=each.job,
        url=urls.run_page(each.job, each.run_id),
        since=each.started_at,
        usual=_milliseconds(each.median_ms),
        arguments=each.arguments or "",
        progress="" if each.progress is None else f"{each.progress:.0%} {each.progress_text}".strip(),
        last_line=each.last_line or "",
    )


def page_address(base: str, **parameters: str) -> str:
    """Address of the overview with those parameters that are not empty."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"{base}/?{query}" if query else f"{base}/"


def status_of_all(definition: JobDefinition, alive: Collection[InstanceView]) -> Status:
    """One status for a continuous job, from its running instances; standby when there are only standbys."""
    if _are_standbys(view.status for view in alive):
        return Status.INACTIVE_INSTANCE
    return continuous_status(definition, alive)


def _status_of(row: JobRowJson) -> str:
    if _are_standbys(each.status for each in row.instances):
        return Status.INACTIVE_INSTANCE.value
    return row.status.value if row.status else NEVER


def _are_standbys(statuses: Iterable[Status]) -> bool:
    return set(statuses) == {Status.INACTIVE_INSTANCE}


def _end_of(row: JobRowJson) -> str:
    if row.type is JobType.CONTINUOUS:
        return next((each.evidence for each in row.instances if each.status is row.status), "")
    latest = row.latest
    return latest.evidence if latest and latest.status is not Status.SUCCESS else ""


def _bars(row: JobRowJson) -> Bars:
    durations = [None] * (len(row.results) - len(row.durations_ms)) + row.durations_ms
    results = [
        Result(_LETTERS[letter], (length or 0) / 1000)
        for letter, length in zip(row.results, durations, strict=True)
    ]
    return bars_of(results, SHOWN_RESULTS)


def _milliseconds(length: int | None) -> str:
    return took(None if length is None else timedelta(milliseconds=length))
