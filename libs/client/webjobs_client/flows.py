"""What takes several requests: waiting, following, pages; pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import msgspec

from webjobs_client import operations
from webjobs_client.errors import (
    ContactLost,
    InvalidAnswer,
    TimedOut,
    contact_lost,
    error_of,
)
from webjobs_client.exchange import Answer, Broken, Emit, Now, Open, Pause, Plan, Read
from webjobs_client.models import Deployment, Event, JobDetails, JobType, RunDetails
from webjobs_client.operations import Operation, perform
from webjobs_client.server_sent_events import ResumingStream, seconds_since
from webjobs_client.tries import Terms, attempt

PATIENCE = 300.0
"""Seconds without contact after which a stream is given up."""

_FIRST_LOOK = 0.05  # seconds until a run is looked at again
_LATER_LOOK = 1.0
_MOST_BREAKS = 3  # of the log of a run that has ended, without anything more of it


def jobs(
    terms: Terms, *, filter: str | None = None, text: str | None = None, job_type: JobType | None = None
) -> Plan[None]:
    """Iterates over the jobs with their status and how their last runs went.

    Those that need attention come first, then by name.

    Args:
        filter: Only these: `failed`, `running`, `disabled`, `scheduled` or `never_ran`.
        text: Only jobs with this in their name.
        job_type: Only jobs of this type.
    """
    after: str | None = None
    while True:
        page = yield from perform(
            operations.overview(filter=filter, text=text, job_type=job_type, limit=1000, after=after), terms
        )
        for row in page.jobs:
            yield Emit(row)
        after = _parameter(page.next, "after")
        if after is None:
            return


def runs(
    terms: Terms,
    job: str | Sequence[str] = (),
    *,
    status: str | Sequence[str] = (),
    trigger: str | Sequence[str] = (),
    runner: str | Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> Plan[None]:
    """Iterates over the runs of a job, of several or of all, newest first; pages are fetched as needed.

    Args:
        job: Only runs of this job, or of these.
        status: `Initializing`, `Running`, `Success`, `Failed`, `Aborted`; `active` is the first two.
        trigger: `api`, `schedule`, `rerun` or `import`.
        runner: Only runs on this runner, or on these.
        since: Only runs requested then or later.
        until: Only runs requested before.
        limit: At most so many.
    """
    before: str | None = None
    left = limit
    while left is None or left > 0:
        operation = operations.run_page(
            job=job,
            status=status,
            trigger=trigger,
            runner=runner,
            since=since,
            until=until,
            limit=min(1000, 100 if left is None else left),
            before=before,
        )
        page = yield from perform(operation, terms)
        for run in page.runs:
            yield Emit(run)
        before = _parameter(page.next, "before")
        left = None if left is None else left - len(page.runs)
        if before is None:
            return


def wait_for_run(terms: Terms, job: str, run_id: str, timeout: float | None = None) -> Plan[RunDetails]:
    """Returns a run once it has ended.

    Raises:
        TimedOut: It has not in this many seconds.
    """
    began: float = yield Now()
    look = _FIRST_LOOK
    while True:
        details = yield from perform(operations.run_details(job, run_id), terms)
        if details.has_ended:
            return details
        what = f"The run {run_id} of {job!r} has not ended: it is {details.status}."
        look = yield from _look_again(began, look, timeout, what)


def deployed(
    terms: Terms,
    operation: Operation[JobDetails | Deployment],
    job: str,
    job_type: JobType,
    *,
    follow: bool = False,
) -> Plan[JobDetails]:
    """Returns a job once a deployment of it has ended; with `follow`, emits the lines of its log meanwhile.

    Raises:
        ClientError: The deployment failed, as the api answers when it is waited for.
    """
    found = yield from perform(operation, terms)
    if isinstance(found, JobDetails):
        return found
    if follow:
        yield from _deployment_lines(found.id)
    yield from wait_for_deployment(terms, found.id)
    details = yield from perform(operations.job(job, job_type=job_type), terms)
    return details


def wait_for_deployment(terms: Terms, deployment_id: str, timeout: float | None = None) -> Plan[Deployment]:
    """Returns a deployment once it is done.

    Raises:
        TimedOut: It has not ended in this many seconds; it goes on.
        ClientError: It failed, as the api answers when it is waited for.
    """
    began: float = yield Now()
    look = _FIRST_LOOK
    while True:
        found = yield from perform(operations.deployment(deployment_id), terms)
        if found.error is not None:
            raise error_of(Answer(found.error.status, (), found.error.detail.encode()))
        if found.complete:
            return found
        what = f"The deployment {deployment_id} has not ended: it is {found.state}."
        look = yield from _look_again(began, look, timeout, what)


def follow_deployment(terms: Terms, deployment_id: str) -> Plan[None]:
    """Iterates over the lines of the log of a deployment of a job, as they are written, until its end.

    Raises:
        NotFound: There is no such deployment.
    """
    yield from perform(operations.deployment(deployment_id), terms)
    yield from _deployment_lines(deployment_id)


def _deployment_lines(deployment_id: str) -> Plan[None]:
    """Emits the lines of a log; a broken connection ends it early, as the outcome is asked for anyway."""
    rest = b""
    try:
        answer: Answer = yield Open(operations.deployment_log_stream(deployment_id))
        while answer.status == 200 and (data := (yield Read())):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield Emit(line.decode("utf-8", "replace"))
    except Broken:
        return


def _look_again(began: float, look: float, timeout: float | None, what: str) -> Plan[float]:
    """Waits until the next look, and returns how long to wait after it; the last look is at the time-out."""
    if timeout is not None:
        left = timeout - (yield from seconds_since(began))
        if left <= 0:
            raise TimedOut(f"{what[:-1]} after {timeout:g} s.")
        look = min(look, max(left, 0.001))
    yield Pause(look)
    return min(_LATER_LOOK, look * 1.4)


def follow_log(terms: Terms, job: str, run_id: str, *, offset: int = 0) -> Plan[None]:
    """Iterates over the lines of a run's log, as they are written, until its very end.

    The end is what the api says it is: a broken connection is made again, and goes on where it was. Lines
    have their mark with time and level, and no line end.

    Args:
        job: Name of the job.
        run_id: Of the run.
        offset: In bytes, of the line to begin with.

    Raises:
        ContactLost: The log cannot be had to its end.
    """
    stream = ResumingStream(
        lambda last_id: operations.log_stream(job, run_id, last_id),
        terms,
        PATIENCE,
        str(offset) if offset else "",
    )
    breaks = 0
    while True:
        event = yield from stream.next()
        if event is None:
            if stream.has_ended:
                return
            breaks += 1
            if breaks >= _MOST_BREAKS:
                details = yield from perform(operations.run_details(job, run_id), terms)
                if details.has_ended:
                    raise ContactLost(
                        f"The log of the run {run_id} of {job!r} broke off before its end.",
                        "Its end is on its way from the runner, or was removed. Ask for the log again later.",
                    )
        elif event.name == "end":
            return
        elif event.name == "gap":
            yield Emit(f"[a part of the log is not stored any more: {event.data}]")
        elif event.name == "message":
            breaks = 0
            for line in event.data.split("\n"):
                yield Emit(line)


def follow_job_log(terms: Terms, job: str, *, offset: int = 0) -> Plan[None]:
    """Iterates over the lines that a continuous job writes, on every instance, without end.

    Args:
        job: Name of the job.
        offset: In bytes of `job_log`, of the line to begin with.

    Raises:
        ContactLost: The connection broke off.
    """
    step = Open(operations.job_log_stream(job))
    answer = yield from attempt(step, terms)
    if answer.status != 200:
        raise error_of(answer)
    rest, left_out = b"", 0
    while True:
        try:
            data: bytes = yield Read()
        except Broken as broken:
            raise contact_lost(terms.url, broken.reason) from broken
        if not data:
            raise contact_lost(terms.url, "the log ended")
        if left_out < offset:
            skipped = min(len(data), offset - left_out)
            left_out, data = left_out + skipped, data[skipped:]
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield Emit(line.decode("utf-8", "replace").removesuffix("\r"))


def events(
    terms: Terms,
    *,
    job_type: str | Sequence[str] = (),
    job: str | Sequence[str] = (),
    event: str | Sequence[str] = (),
    after: int | None = None,
    from_first: bool = False,
    patience: float = PATIENCE,
) -> Plan[None]:
    """Iterates over events as they happen, without end, in order, each once, over breaks of the connection.

    Args:
        job_type: Only events of `triggered` or `continuous` jobs, or of an `instance`.
        job: Only events of this job, or of these.
        event: Only events of these names, such as `Failed`.
        after: Go on after the event with this sequence.
        from_first: Begin with the first event that is stored, instead of now.
        patience: Seconds without contact after which it is given up.

    Raises:
        ContactLost: There was no contact for so long.
    """
    query = [*_each("type", job_type), *_each("job", job), *_each("event", event)]
    if from_first and after is None:
        query.append(("from", "first"))
    reached = after if after is not None else -1
    stream = ResumingStream(
        lambda last_id: operations.event_stream(query, last_id),
        terms,
        patience,
        "" if after is None else str(after),
    )
    while True:
        sent = yield from stream.next()
        if sent is None:
            continue
        found = _event(sent.id, sent.name, sent.data)
        if found.sequence > reached:
            reached = found.sequence
            yield Emit(found)


def _event(event_id: str, name: str, data: str) -> Event:
    try:
        body = msgspec.json.decode(data, type=dict[str, object])
        own = body if name == "gap" else body.get("data")
        return Event(
            sequence=int(event_id),
            name=name,
            data=own if isinstance(own, Mapping) else {},
            cloud_event={} if name == "gap" else body,
        )
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidAnswer(f"An event cannot be read: {error}.") from error


def _each(name: str, values: str | Sequence[str]) -> Iterator[tuple[str, object]]:
    yield from ((name, value) for value in ([values] if isinstance(values, str) else values))


def _parameter(address: str | None, name: str) -> str | None:
    """Returns a query parameter of the address of a next page."""
    found = parse_qs(urlsplit(address or "").query).get(name)
    return found[0] if found else None
