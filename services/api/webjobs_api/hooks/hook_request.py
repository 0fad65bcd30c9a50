"""The body of a request → the hook it asks for; pure."""

import secrets
from datetime import datetime
from typing import TypeVar

import msgspec
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobType, parse_job_name

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


class HookPatchJson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is changed about a hook; what is left out stays as it is. The url cannot be changed.

    Attributes:
        event: `TriggeredJobFinished`, `PostDeployment`, `*`, or names of events, separated by commas.
        insecure_ssl: Call an https address whatever its certificate.
        type: Only events of jobs of this type; null: of both.
        job: Only events of jobs of this name; null: of all.
        secret: Deliveries are signed with it; null: they are not signed.
    """

    event: str | msgspec.UnsetType = msgspec.UNSET
    insecure_ssl: bool | msgspec.UnsetType = msgspec.UNSET
    type: JobType | msgspec.UnsetType | None = msgspec.UNSET
    job: str | msgspec.UnsetType | None = msgspec.UNSET
    secret: str | msgspec.UnsetType | None = msgspec.UNSET


class DeliveryJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which delivery to make once more.

    Attributes:
        delivery_id: As the list of deliveries names it.
    """

    delivery_id: str


T = TypeVar("T")

_decoder = msgspec.json.Decoder(HookJson)
_delivery_decoder = msgspec.json.Decoder(DeliveryJson)
_patch_decoder = msgspec.json.Decoder(HookPatchJson)


def hook_of(body: bytes, base_url: str, after: dict[Source, int], now: datetime) -> Hook:
    """A new hook with an id of its own.

    Raises:
        InvalidHook: Saying what is wrong.
    """
    wanted = _decoded(_decoder, body, '{"url": "https://example.com/", "event": "TriggeredJobFinished"}')
    return Hook(
        id=secrets.token_hex(8),
        url=str(parse_target(wanted.url)),
        event=_event(wanted.event, wanted.type),
        job_type=wanted.type,
        job_name=_job(wanted.job),
        insecure_ssl=wanted.insecure_ssl,
        secret=_secret(wanted.secret),
        base_url=base_url,
        after=after,
        created_at=now,
    )


def changed_hook(hook: Hook, body: bytes, after: dict[Source, int]) -> Hook:
    """The hook with the changes that the body of a request asks for.

    Args:
        hook: As it is.
        body: Of the request.
        after: The end of each stream: where the hook begins in one that it has not used so far.

    Raises:
        InvalidHook: Saying what is wrong.
    """
    wanted = _decoded(_patch_decoder, body, '{"event": "Failed", "secret": "…"}')
    job_type = hook.job_type if wanted.type is msgspec.UNSET else wanted.type
    changed = msgspec.structs.replace(
        hook,
        event=_event(hook.event if wanted.event is msgspec.UNSET else wanted.event, job_type),
        job_type=job_type,
        job_name=hook.job_name if wanted.job is msgspec.UNSET else _job(wanted.job),
        insecure_ssl=hook.insecure_ssl if wanted.insecure_ssl is msgspec.UNSET else wanted.insecure_ssl,
        secret=hook.secret if wanted.secret is msgspec.UNSET else _secret(wanted.secret),
    )
    begun = {source: after[source] for source in changed.sources if source not in hook.sources}
    return msgspec.structs.replace(changed, after={**hook.after, **begun})


def delivery_id_of(body: bytes) -> str:
    """The id of the delivery that a body names.

    Raises:
        InvalidHook: Saying what is wrong.
    """
    return _decoded(_delivery_decoder, body, '{"delivery_id": "…"}').delivery_id


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes, example: str) -> T:
    try:
        return decoder.decode(json_text(body))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidHook(f"send JSON such as {example} ({str(error).rstrip('.')})") from error


def _event(text: str, job_type: JobType | None) -> str:
    event = event_name(text)
    if event == RUN_FINISHED and job_type is JobType.CONTINUOUS:
        raise InvalidHook("runs of continuous jobs do not finish; leave out its type")
    return event


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
