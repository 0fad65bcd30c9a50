"""Decides what needs the attention of a person, and says why in a sentence; pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webjobs_events.ending_evidence import ending_evidence
from webjobs_events.events import TickOutcome
from webjobs_events.instant import Instant
from webjobs_events.queries import InstanceView, RunView
from webjobs_events.refusal import Refusal
from webjobs_rules.amounts import ordinal, took
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason, Status

from webjobs_api.backends.failing_hook import FailingHook
from webjobs_api.backends.known_job import error_of
from webjobs_api.overview.job_facts import JobFacts, JobKey
from webjobs_api.wording.sentence import Elapsed, Sentence

_TIMES_MEDIAN = 3
_NEVER_LONG = timedelta(seconds=10)  # runs of a few milliseconds vary by more than three times
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_EVIDENCE = 120  # characters
_NUMBER = re.compile("[0-9]+")  # of a run, or a time: they differ from one due time to the next


class AttentionKind(StrEnum):
    """Why a job or a hook needs attention, the most severe first."""

    CRASH_LOOP = "crash_loop"
    """The process of a continuous job ends with an error again and again."""
    FAILED = "failed"
    """The last run that ended has failed."""
    REFUSED = "refused"
    """Files or settings were refused, or the stored definition cannot be read."""
    HOOK_FAILING = "hook_failing"
    """The last calls of a hook failed: those that it informs learn nothing."""
    LONG_RUN = "long_run"
    """A run takes more than three times its job's median, and more than 10 s."""
    MISSED = "missed"
    """The last due time of the schedule passed unseen, and no run stands for it."""
    SKIPPED = "skipped"
    """At the last due time no run was started."""


HOOK = "hook"
"""The type of what is no job but a hook."""

SEVERITY = {kind: place for place, kind in enumerate(AttentionKind)}
"""0 is the most severe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One reason why a job or a hook needs attention.

    Attributes:
        job: The job, or a folder that no job can be; the id of a hook.
        type: Triggered or continuous; `HOOK` of a hook.
        kind: The reason.
        sentence: The facts.
        since: When it began; None when that is unknown.
        run_id: The run it is about; None when it is about none.
        evidence: The facts in a form that is compared; empty when they are not known at the moment.
        target: Whom the hook calls, without user and password; empty of a job.
    """

    job: str
    type: str
    kind: AttentionKind
    sentence: Sentence
    since: Instant | None
    run_id: RunId | None = None
    evidence: str = ""
    target: str = ""


def attention_of(
    jobs: Iterable[JobFacts],
    refusals: Iterable[Refusal],
    now: datetime,
    *,
    hooks: Iterable[FailingHook] = (),
    schedules_held_back: bool = False,
) -> list[Attention]:
    """All that needs attention: the most severe first, among equals the newest.

    Args:
        jobs: Every job.
        refusals: Of these jobs and of folders that became none.
        now: This instant.
        hooks: Those that keep failing.
        schedules_held_back: Whether a setting of the site keeps every schedule from starting runs:
            skipped due times are no news then.
    """
    jobs = list(jobs)
    found = [each for job in jobs for each in _of_job(job, now, schedules_held_back)]
    known = {job.key for job in jobs}
    for refusal in refusals:
        key = (refusal.job_type.value, refusal.folder_name)
        if key not in known:
            known.add(key)  # several runners may refuse one folder
            evidence, sentence = evidence_in(refusal.reason), Sentence(refusal.reason)
            found.append(_entry(key, AttentionKind.REFUSED, sentence, refusal.at, evidence=evidence))
    found += [_of_hook(each) for each in hooks]
    return sorted(found, key=_order)


def most_severe(attention: Iterable[Attention]) -> dict[JobKey, AttentionKind]:
    """The most severe reason of each job that needs attention."""
    kinds: dict[JobKey, AttentionKind] = {}
    for each in attention:
        kinds[each.type, each.job] = min(
            each.kind, kinds.get((each.type, each.job), each.kind), key=lambda kind: SEVERITY[kind]
        )
    return kinds


def _of_hook(hook: FailingHook) -> Attention:
    failed = "A call failed" if hook.failures == 1 else f"{hook.failures} calls in a row failed"
    return Attention(
        job=hook.id,
        type=HOOK,
        kind=AttentionKind.HOOK_FAILING,
        sentence=Sentence(f"{failed}; the last one: {hook.cause.rstrip('. ')}."),
        since=hook.since,
        evidence=evidence_in(hook.evidence),
        target=hook.target,
    )


def _order(attention: Attention) -> tuple[int, float, str]:
    since = -attention.since.timestamp() if attention.since else 0.0
    return SEVERITY[attention.kind], since, attention.job


def _entry(
    key: JobKey,
    kind: AttentionKind,
    sentence: Sentence,
    since: datetime | None,
    run_id: RunId | None = None,
    *,
    evidence: str,
) -> Attention:
    return Attention(
        job=key[1], type=key[0], kind=kind, sentence=sentence, since=since, run_id=run_id, evidence=evidence
    )


def _of_job(job: JobFacts, now: datetime, schedules_held_back: bool) -> Iterator[Attention]:
    key = job.key
    if (crashing := job.crash_loop(now)) is not None:
        yield _entry(
            key,
            AttentionKind.CRASH_LOOP,
            _crash_loop(crashing),
            crashing.crashing_since,
            evidence=ending_evidence(crashing.reason, crashing.exit_code),
        )
    if (failed := _failed(job)) is not None:
        yield failed
    if (error := error_of(job.definition)) is not None:
        evidence = evidence_in(error)
        yield _entry(key, AttentionKind.REFUSED, Sentence(error), job.refused_since, evidence=evidence)
    if (run := _longest(job, now)) is not None:
        sentence, since = _long_run(job, run), run.started_at
        yield _entry(key, AttentionKind.LONG_RUN, sentence, since, run.run_id, evidence=run.run_id)
    if (tick := job.tick) is not None and job.is_scheduled:
        verb, kind = _TICKS.get(tick.outcome, ("", None))
        if kind is AttentionKind.MISSED or (kind is AttentionKind.SKIPPED and not schedules_held_back):
            what = "A due time was" if tick.count == 1 else f"{tick.count} due times were"
            sentence = Sentence(f"{what} {verb}. {tick.reason}".rstrip())
            yield _entry(key, kind, sentence, tick.due, evidence=evidence_in(_NUMBER.sub("0", tick.reason)))


_TICKS = {
    TickOutcome.MISSED: ("missed", AttentionKind.MISSED),
    TickOutcome.SKIPPED: ("skipped", AttentionKind.SKIPPED),
}


def _crash_loop(view: InstanceView) -> Sentence:
    cause = f"exit code {view.exit_code}" if view.exit_code is not None else view.evidence or "no exit code"
    last = cause.rstrip(".")
    return Sentence(
        f"Crash loop on {view.instance}: {view.crashes} crashes in a row, each soon after the start; {last}."
    )


def _failed(job: JobFacts) -> Attention | None:
    summary = job.summary
    if summary is None or not job.is_failing:
        return None
    latest, streak = summary.latest, summary.streak
    is_shown = latest.status is Status.FAILED
    if is_shown:
        how = cause_of(latest) + (f", {ordinal(streak)} time in a row" if streak > 1 else "")
    else:  # a later run goes on, or was aborted
        how = "The last run failed" if streak == 1 else f"The last {streak} runs failed"
    success = summary.last_success
    before = ("last success ", success.ended_at) if success else ("no success yet",)
    return _entry(
        job.key,
        AttentionKind.FAILED,
        Sentence(f"{how}; ", *before, "."),
        summary.failing_since or latest.ended_at,
        latest.run_id if is_shown else None,
        evidence=failure_evidence(latest) if is_shown else "",
    )


def failure_evidence(run: RunView) -> str:
    """How a run has failed, in a form that is equal for runs that failed in the same way."""
    return ending_evidence(run.reason, run.exit_code, run.signal)


def evidence_in(text: str) -> str:
    """A sentence with the facts, in a form that is compared: a digest in place of the end of a long one."""
    if len(text) <= _LONGEST_EVIDENCE:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{text[: _LONGEST_EVIDENCE - 20]}… {digest}"


def cause_of(run: RunView) -> str:
    """Why a run has ended, in a few words."""
    if run.reason is Reason.EXIT_CODE and run.exit_code is not None:
        return f"Exit code {run.exit_code}"
    if run.reason is Reason.SIGNAL and run.signal is not None:
        return f"Signal {run.signal}"
    if run.evidence:
        return run.evidence.rstrip(". ")
    return (run.reason or "failed").replace("_", " ").capitalize()


def _longest(job: JobFacts, now: datetime) -> RunView | None:
    """The run that runs longest, when that is unusual."""
    begun = [run for run in job.running if run.started_at is not None]
    median = job.summary.median_ms if begun and job.summary else None
    if median is None:
        return None
    longest = max(begun, key=lambda run: _elapsed(run, now))
    limit = max(_TIMES_MEDIAN * median * _MILLISECOND, _NEVER_LONG)
    return longest if _elapsed(longest, now) > limit else None


def _long_run(job: JobFacts, run: RunView) -> Sentence:
    assert job.summary is not None and job.summary.median_ms is not None and run.started_at is not None
    usual = took(job.summary.median_ms * _MILLISECOND)
    return Sentence("Running ", Elapsed(run.started_at), f"; half of its runs took at most {usual}.")


def _elapsed(run: RunView, now: datetime) -> timedelta:
    return now - (run.started_at or now)
