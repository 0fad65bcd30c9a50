"""A run as pages show it: a sentence, a row, a timeline; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import msgspec
from webjobs_events.heartbeat import PreparingJob
from webjobs_events.queries import RunView, TriggerKind
from webjobs_rules.amounts import counted, size, took
from webjobs_rules.status import Status, is_terminal

from webjobs_api.http.urls import Urls
from webjobs_api.pages.formats import short_digest
from webjobs_api.wording.sentence import Elapsed, Sentence

_BY_THEMSELVES = (Status.SUCCESS, Status.FAILED)
_TRIGGERS = {
    TriggerKind.API: "by request",
    TriggerKind.SCHEDULE: "by schedule",
    TriggerKind.RERUN: "run again",
    TriggerKind.IMPORT: "in another system",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in a list.

    Attributes:
        id: Of the run.
        job: Its job's name.
        url: Of its page.
        job_url: Of its job's page.
        status: Its status word.
        is_over: Whether it has ended.
        began: When its script started, or when it was requested.
        took: How long it took, or takes by now.
        seconds: The same as a number.
        why: How it ended: the runner's sentence, or a few words.
        trigger: What started it, in words.
        arguments: Of its command line.
        attempt: 1 for the first.
        digest: Version of the job that it ran.
        runner: Instance id of its runner.
        log: Address of its output log.
        errors: Address of its error log; empty when nothing was written to stderr.
        note: A remark about its version, as a sentence; empty: none.
        cpu: CPU time of its processes; empty while it is not known.
        memory: Peak memory of its largest process; empty as above.
        lines: How many lines its log has; empty when they were not counted.
        first_error: Number of the first of them with an error; 0: none.
        progress: The share that is done, of 100, as its script says; None when it says nothing.
        progress_text: What it does, as its script says.
        result: What its script reports, as indented JSON; empty: nothing, or it is in the file only.
        result_url: Address of the file with it; empty: there is none.
        warnings: What was wrong with what its script reports.
    """

    id: str
    job: str
    url: str
    job_url: str
    status: str
    is_over: bool
    began: datetime
    took: str
    seconds: float
    why: str
    trigger: str
    arguments: str
    attempt: int
    digest: str
    runner: str
    log: str
    errors: str
    note: str
    cpu: str
    memory: str
    lines: str
    first_error: int
    progress: int | None
    progress_text: str
    result: str
    result_url: str
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run's story: what, when, and how long since the step before."""

    word: str
    at: datetime
    after: str


def run_row(run: RunView, urls: Urls, now: datetime, note: str = "") -> RunRow:
    """A run as a row."""
    began = run.started_at or run.requested_at
    length = (run.ended_at or now) - began
    return RunRow(
        id=run.run_id,
        job=run.job_name,
        url=urls.run_page(run.job_name, run.run_id),
        job_url=urls.triggered_page(run.job_name),
        status=run.status.value,
        is_over=is_terminal(run.status),
        began=began,
        took=took(length),
        seconds=max(0.0, length.total_seconds()),
        why=why(run),
        trigger=trigger_words(run),
        arguments=run.arguments or "",
        attempt=run.attempt,
        digest=run.digest,
        runner=run.instance,
        log=urls.output(run.job_name, run.run_id),
        errors=urls.error(run.job_name, run.run_id) if run.has_error_log else "",
        note=note,
        cpu="" if run.cpu_seconds is None else took(timedelta(seconds=run.cpu_seconds)),
        memory="" if run.peak_memory_bytes is None else size(run.peak_memory_bytes),
        lines="" if run.log_lines is None else counted(run.log_lines, "line"),
        first_error=run.first_error_line or 0,
        progress=None if run.progress is None else int(run.progress * 100),
        progress_text=run.progress_text,
        result="" if run.result is None else msgspec.json.format(run.result, indent=2),
        result_url="" if run.result_bytes is None else urls.result(run.job_name, run.run_id, run.instance),
        warnings=run.warnings,
    )


def version_note(run: RunView, before: RunView | None) -> str:
    """That a failed run is the first of its version, as a sentence; empty when it is not, or unknown."""
    if run.status is not Status.FAILED or before is None or not run.digest or not before.digest:
        return ""
    if run.digest == before.digest:
        return ""
    return f"First run since version {short_digest(run.digest)} was deployed."


def why(run: RunView) -> str:
    """How a run ended: the runner's sentence, or a few words; empty while it has not."""
    if run.evidence:
        return run.evidence
    if run.exit_code is not None:
        return f"exit code {run.exit_code}"
    return f"signal {run.signal}" if run.signal is not None else (run.reason or "").replace("_", " ")


def trigger_words(run: RunView) -> str:
    """What started a run, in words."""
    kind = TriggerKind.of(run)
    words = _TRIGGERS[kind]
    if kind is TriggerKind.IMPORT:
        return f"{words}: {run.trigger}"
    return f"{words}, attempt {run.attempt}" if run.attempt > 1 else words


def usual(runs: Iterable[RunView]) -> str:
    """The median duration of the runs that ended by themselves; empty when there is none."""
    lengths = [
        (run.ended_at - run.started_at).total_seconds()
        for run in runs
        if run.status in _BY_THEMSELVES and run.ended_at and run.started_at
    ]
    return took(timedelta(seconds=median(lengths))) if lengths else ""


def story(run: RunView) -> list[Step]:
    """Requested, started, ended: the steps that are known, with the gaps between them."""
    known = [("Requested", run.requested_at), ("Started", run.started_at), ("Ended", run.ended_at)]
    steps: list[Step] = []
    before: datetime | None = None
    for word, at in known:
        if at is None:
            continue
        gap = max(at - before, timedelta(0)) if before is not None else None
        steps.append(Step(word, at, took(gap)))
        before = at
    return steps


def headline(run: RunView, length: str, preparing: PreparingJob | None = None) -> Sentence:
    """The state of a run as a sentence; `preparing`: what its runner prepares before it can start."""
    match run.status:
        case Status.INITIALIZING:
            if preparing is not None:
                text = f"Waits until the packages of its job are installed on {run.instance}, since "
                until = (", until ", preparing.until, " at most") if preparing.until else ()
                return Sentence(text, preparing.since, *until, ".")
            return Sentence("Waits for its start.")
        case Status.RUNNING:
            return Sentence("Runs ", Elapsed(run.started_at or run.requested_at), ".")
        case Status.SUCCESS:
            return Sentence(f"Succeeded after {length}.")
        case _:
            reason = why(run).removesuffix(".")
            end = f": {reason[0].lower() + reason[1:]}" if reason else ""
            return Sentence(f"{run.status.value} after {length}{end}.")
