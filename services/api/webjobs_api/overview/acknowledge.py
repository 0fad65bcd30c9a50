"""Gives and withdraws acknowledgements: that of a job is an event, that of a hook is kept beside the hook."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_events.envelope import cause_in
from webjobs_events.events import (
    Acknowledged,
    AcknowledgementEvent,
    AcknowledgementWithdrawn,
    Covered,
    acknowledgement_id_of,
)
from webjobs_events.events.acknowledgements import AUTHOR
from webjobs_events.queries import AcknowledgementView
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.status import Status

from webjobs_api.backends.failing_hook import HookAcknowledgement
from webjobs_api.backends.failing_hooks import FAILING_HOOKS
from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.tracing import trace_of
from webjobs_api.overview.acknowledge_request import Terms
from webjobs_api.overview.acknowledged import Given, covers, is_over
from webjobs_api.overview.attention import Attention, AttentionKind, attention_of, failure_evidence
from webjobs_api.overview.errors import AcknowledgementNotFound, NothingToAcknowledge
from webjobs_api.overview.read import read_attention

_LONGEST_TEXT = 500  # characters of the sentence that was shown
_RECENT_RUNS = 20


@dataclass(frozen=True, slots=True)
class State:
    """All that needs attention, and all that is acknowledged, at one moment."""

    attention: Sequence[Attention]
    acknowledgements: Sequence[Given]


async def state_of(app: web.Application, now: datetime) -> State:
    """What can be acknowledged now, with all that happened before.

    Raises:
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    bus = app[BUS]
    sequence, *_ = await asyncio.gather(
        bus.last_sequence(bus.subjects.events_stream), app[DEFINITIONS].caught_up(), app[REFUSALS].caught_up()
    )
    app[HISTORY].caused(sequence)
    return State(*await read_attention(app, now))


async def acknowledge(
    request: web.Request, state: State, job_type: JobType, name: str, terms: Terms, now: datetime
) -> tuple[Acknowledged, bool]:
    """Acknowledge what needs attention of a job.

    Returns the acknowledgement, and whether it is new: one that is in force and says the same is not given
    a second time.

    Raises:
        JobNotFound: There is no such job.
        InvalidJobName: No job can have this name.
        NothingToAcknowledge: It needs no attention, or not for these reasons.
        BusUnavailable: NATS or history does not answer.
    """
    found = _of_job(state.attention, job_type, name)
    if not found:
        name = (await request.app[DEFINITIONS].get(job_type, parse_job_name(name))).job_name
        found = _of_job(state.attention, job_type, name)
    wanted = [each for each in found if terms.kinds is None or each.kind in terms.kinds]
    if not wanted:
        raise NothingToAcknowledge(name, terms.kinds or ())
    covered = [await _covered(request.app, each, now) for each in wanted]
    by = request_context.trigger(request)
    event = Acknowledged(
        at=now,
        instance=AUTHOR,
        job_type=job_type,
        job_name=JobName(name),
        acknowledgement_id=acknowledgement_id_of(now, by, covered, terms.note, terms.term, terms.until),
        by=by,
        covers=covered,
        note=terms.note,
        term=terms.term,
        until=terms.until,
    )
    if same := _in_force(state.acknowledgements, event):
        return same, False
    await _publish(request, event)
    return event, True


async def acknowledge_hook(
    request: web.Request, hook_id: str, terms: Terms, now: datetime
) -> tuple[HookAcknowledgement, bool]:
    """Acknowledge that a hook keeps failing.

    Returns the acknowledgement, and whether it is new, as `acknowledge`.

    Raises:
        NothingToAcknowledge: There is no such hook, it does not keep failing, or not for these reasons.
        BusUnavailable: NATS does not answer.
    """
    hooks = request.app[FAILING_HOOKS]
    found = next(
        (each for each in attention_of([], [], now, hooks=hooks.failing()) if each.job == hook_id), None
    )
    if found is None or (terms.kinds is not None and found.kind not in terms.kinds):
        raise NothingToAcknowledge(hook_id, terms.kinds or (), what="hook")
    by = request_context.trigger(request)
    covered = Covered(kind=found.kind.value, evidence=found.evidence, text="")
    given = HookAcknowledgement(
        hook=hook_id,
        acknowledgement_id=acknowledgement_id_of(now, by, [covered], terms.note, terms.term, terms.until),
        at=now,
        by=by,
        note=terms.note,
        term=terms.term,
        until=terms.until,
        evidence=found.evidence,
    )
    for each in hooks.acknowledgements():
        same = msgspec.structs.replace(given, acknowledgement_id=each.acknowledgement_id, at=each.at)
        if each == same and covers(each, found, now):
            return each, False
    await hooks.acknowledge(given)
    return given, True


def hooks_acknowledged(app: web.Application, now: datetime) -> list[HookAcknowledgement]:
    """The acknowledgements of hooks that are in force."""
    hooks = app[FAILING_HOOKS]
    failing = attention_of([], [], now, hooks=hooks.failing())
    return [
        each
        for each in hooks.acknowledgements()
        if not is_over(each, now) and any(covers(each, found, now) for found in failing)
    ]


async def withdraw(request: web.Request, acknowledgement_id: str) -> None:
    """End an acknowledgement.

    Raises:
        AcknowledgementNotFound: There is none with this id that is in force.
        BusUnavailable: NATS or history does not answer.
    """
    now = datetime.now(UTC)
    for given in hooks_acknowledged(request.app, now):
        if given.acknowledgement_id == acknowledgement_id:
            await request.app[FAILING_HOOKS].withdraw(given.hook)
            return
    for each in await request.app[HISTORY].acknowledgements():
        if each.acknowledgement_id == acknowledgement_id and not is_over(each, now):
            event = AcknowledgementWithdrawn(
                at=now,
                instance=AUTHOR,
                job_type=each.job_type,
                job_name=JobName(each.job_name),
                acknowledgement_id=acknowledgement_id,
                by=request_context.trigger(request),
            )
            await _publish(request, event)
            return
    raise AcknowledgementNotFound(acknowledgement_id)


async def _publish(request: web.Request, event: AcknowledgementEvent) -> None:
    sequence = await request.app[BUS].publish_event(event, cause_in(trace_of(request)))
    request.app[HISTORY].caused(sequence)


def _of_job(attention: Sequence[Attention], job_type: JobType, name: str) -> list[Attention]:
    return [each for each in attention if (each.type, each.job) == (job_type.value, name)]


async def _covered(app: web.Application, attention: Attention, now: datetime) -> Covered:
    """What is acknowledged; while another run goes on, how the last one failed is looked up."""
    evidence = attention.evidence
    if not evidence and attention.kind is AttentionKind.FAILED:
        runs = await app[HISTORY].runs(JobName(attention.job), limit=_RECENT_RUNS, before=None)
        failed = next((run for run in runs if run.status is Status.FAILED), None)
        evidence = failure_evidence(failed) if failed else ""
    text = attention.sentence.text(now)[:_LONGEST_TEXT]
    return Covered(kind=attention.kind.value, evidence=evidence, text=text)


def _in_force(acknowledgements: Sequence[Given], event: Acknowledged) -> Acknowledged | None:
    """The acknowledgement in force that says what an event would say; None without one."""
    known = {
        each.kind: each
        for each in acknowledgements
        if isinstance(each, AcknowledgementView)
        and (each.job_type, each.job_name) == (event.job_type, event.job_name)
    }
    content = (event.by, event.note, event.term, event.until)
    rows = [known.get(each.kind) for each in event.covers]
    first = rows[0]
    if first is None:
        return None
    for row, each in zip(rows, event.covers, strict=True):
        if row is None or row.acknowledgement_id != first.acknowledgement_id:
            return None
        if (row.by, row.note, row.term, row.until) != content or row.evidence != each.evidence:
            return None
    return Acknowledged(
        at=first.at,
        instance=AUTHOR,
        job_type=event.job_type,
        job_name=event.job_name,
        acknowledgement_id=first.acknowledgement_id,
        by=event.by,
        covers=event.covers,
        note=event.note,
        term=event.term,
        until=event.until,
    )
