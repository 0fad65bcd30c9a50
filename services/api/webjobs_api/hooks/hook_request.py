"""The body of a request → the hook it asks for; pure."""

import secrets
from datetime import datetime

import msgspec
from webjobs_events.errors import InvalidJobName
from webjobs_events.job import JobType, parse_job_name

from webjobs_api.backends.published_events import RUN_FINISHED
from webjobs_api.hooks.errors import InvalidHook
from webjobs_api.hooks.hook import Hook, Source, event_name
from webjobs_api.hooks.target import parse_target
from webjobs_api.http.json_body import json_text

_LONGEST_SECRET = 500  # characters


class HookJson(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook is made from.

    Attributes:
        url: Address that is called by POST; user and password in it are sent by HTTP Basic.
        event: `TriggeredJobFinished`, `PostDeployment`, `*`, or names of events, separated by commas.
        insecure_ssl: Call an https address whatever its certificate.
        type: Only events of jobs of this type.
        job: Only events of jobs of this name.
        secret: Deliveries are signed with it; it is never shown again.
    """

    url: str
    event: str
    insecure_ssl: bool = False
    type: JobType | None = None
    job: str | None = None
    secret: str | None = None


_decoder = msgspec.json.Decoder(HookJson)


def hook_of(body: bytes, base_url: str, after: dict[Source, int], now: datetime) -> Hook:
    """A new hook with an id of its own.

    Raises:
        InvalidHook: Saying what is wrong.
    """
    try:
        wanted = _decoder.decode(json_text(body))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        example = '{"url": "https://example.com/", "event": "TriggeredJobFinished"}'
        raise InvalidHook(f"send JSON such as {example} ({str(error).rstrip('.')})") from error
    event = event_name(wanted.event)
    if event == RUN_FINISHED and wanted.type is JobType.CONTINUOUS:
        raise InvalidHook("runs of continuous jobs do not finish; leave out its type")
    return Hook(
        id=secrets.token_hex(8),
        url=str(parse_target(wanted.url)),
        event=event,
        job_type=wanted.type,
        job_name=_job(wanted.job),
        insecure_ssl=wanted.insecure_ssl,
        secret=_secret(wanted.secret),
        base_url=base_url,
        after=after,
        created_at=now,
    )


def _job(name: str | None) -> str | None:
    try:
        return parse_job_name(name) if name is not None else None
    except InvalidJobName as error:
        raise InvalidHook(f"its job cannot be one: {error.reason}") from error


def _secret(text: str | None) -> str | None:
    if text is not None and not 0 < len(text) <= _LONGEST_SECRET:
        raise InvalidHook(f"its secret must have 1 to {_LONGEST_SECRET} characters")
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise InvalidHook("its secret holds half of a surrogate pair") from error
    return text
