"""Every hook, mirrored in memory, with how far it has come."""

from collections import defaultdict
from collections.abc import Callable

import msgspec
import structlog
from aiohttp import web
from webjobs_events.errors import MALFORMED, RevisionConflict
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.subjects import Subjects

from webjobs_api.backends.failing_hook import FailingHook, HookAcknowledgement
from webjobs_api.hooks.errors import HookChanged, HookConflict, HookNotFound
from webjobs_api.hooks.failing import failing_hook
from webjobs_api.hooks.hook import Attempt, Hook, HookState, Source, digest_of
from webjobs_api.hooks.target import shown

log = structlog.stdlib.get_logger(__name__)

_HOOK = "hook."
_STATE = "state."
_ACKNOWLEDGED = "acknowledged."
_FORGET_SECONDS = 3600  # that the trace of a removed hook stays
_RECENT = 500  # calls of all hooks together that a list of hooks shows
_hook_decoder = msgspec.json.Decoder(Hook)
_state_decoder = msgspec.json.Decoder(HookState)
_acknowledgement_decoder = msgspec.json.Decoder(HookAcknowledgement)
_attempt_decoder = msgspec.json.Decoder(Attempt)
_encode = msgspec.json.encode

Listener = Callable[[Hook | None, Hook | None], None]
"""Called with the hook before and after a change; None: there was, or is, none."""


class Hooks:
    """An async context manager: all hooks, current while it is entered.

    There is one hook for each address: its key is made of the address, so that no two apis can make two.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[str, tuple[Hook, int]] = {}  # by key, with the revision
        self._states: dict[str, HookState] = {}
        self._acknowledgements: dict[str, HookAcknowledgement] = {}  # by key
        self._listeners: list[Listener] = []
        self._mirror = bus.hooks.mirror(self._changed, restore=True)

    async def __aenter__(self) -> "Hooks":
        await self._mirror.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._mirror.__aexit__(*exc_info)

    def on_change(self, listener: Listener) -> None:
        """Call this listener with every hook there is, and with every change from now on."""
        self._listeners.append(listener)
        for hook, _ in list(self._known.values()):
            listener(None, hook)

    def all(self) -> list[Hook]:
        """Every hook, oldest first."""
        return sorted((hook for hook, _ in self._known.values()), key=lambda hook: (hook.created_at, hook.id))

    async def get(self, hook_id: str) -> Hook:
        """One hook; one that the mirror lacks is looked up before it counts as absent.

        Raises:
            HookNotFound: There is none.
            BusUnavailable: The mirror lacks it and NATS does not answer.
        """
        for hook, _ in self._known.values():
            if hook.id == hook_id:
                return hook
        for hook in await self.stored():
            if hook.id == hook_id:
                return hook
        raise HookNotFound(hook_id)

    async def stored(self) -> list[Hook]:
        """Every hook as the bucket has it now.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        subject = self._bus.hooks.subject_of(f"{_HOOK}>")
        found = []
        async for batch in self._bus.stored(self._bus.hooks.stream, [subject], latest_only=True):
            found += [_decode_hook(message.subject, message.data) for message in batch if message.data]
        return [hook for hook in found if hook is not None]

    async def create(self, hook: Hook) -> Hook:
        """Keep a new hook; answers the one there is already, if it wants the same.

        Raises:
            HookConflict: This address is called for something else.
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.hook_key(digest_of(hook.url))
        try:
            revision = await self._bus.hooks.create(key, _encode(hook))
        except RevisionConflict as error:
            entry = await self._bus.hooks.get(key)
            existing = _decode_hook(key, entry.value) if entry else None
            if entry is not None and existing is None:
                revision = await self._replace_unreadable(key, hook, entry.revision)
            elif existing is None or not existing.wants_the_same_as(hook):
                raise HookConflict(shown(hook.url), existing.event if existing else "") from error
            else:
                return existing
        await self._mirror.reached(revision)
        log.info("hook made", hook=hook.id, url=shown(hook.url), hook_event=hook.event)
        return hook

    async def _replace_unreadable(self, key: str, hook: Hook, revision: int) -> int:
        try:
            return await self._bus.hooks.update(key, _encode(hook), revision)
        except RevisionConflict as error:
            raise HookConflict(shown(hook.url), "") from error

    async def change(self, before: Hook, after: Hook) -> None:
        """Replace a hook by another with the same id and url.

        Raises:
            HookChanged: It is not what it was before.
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.hook_key(digest_of(before.url))
        entry = await self._bus.hooks.get(key)
        if entry is None or _decode_hook(key, entry.value) != before:
            raise HookChanged(before.id)
        try:
            revision = await self._bus.hooks.update(key, _encode(after), entry.revision)
        except RevisionConflict as error:
            raise HookChanged(before.id) from error
        await self._mirror.reached(revision)
        log.info("hook changed", hook=after.id, url=shown(after.url), hook_event=after.event)

    async def remove(self, hook: Hook) -> None:
        """Call it no more; harmless when it is gone.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.hook_key(digest_of(hook.url))
        entry = await self._bus.hooks.get(key)
        current = _decode_hook(key, entry.value) if entry else None
        if entry is None or current is None or current.id != hook.id:
            return
        try:
            revision = await self._bus.hooks.delete(key, entry.revision, marker_ttl=_FORGET_SECONDS)
        except RevisionConflict:
            return  # another client has just removed it
        for source in hook.sources:
            await self._bus.hooks.let_go(Subjects.hook_state_key(hook.id, source), marker_ttl=_FORGET_SECONDS)
        if (key := Subjects.hook_acknowledgement_key(hook.id)) in self._acknowledgements:
            await self._bus.hooks.let_go(key, marker_ttl=_FORGET_SECONDS)
        await self._mirror.reached(revision)
        log.info("hook removed", hook=hook.id, url=shown(hook.url))

    def latest_state(self, hook: Hook) -> HookState | None:
        """The latest try to deliver something to a hook."""
        return max(self._states_of(hook), key=lambda state: state.at, default=None)

    def _states_of(self, hook: Hook) -> list[HookState]:
        keys = [Subjects.hook_state_key(hook.id, source) for source in hook.sources]
        return [self._states[key] for key in keys if key in self._states]

    def failing(self) -> list[FailingHook]:
        """Every hook that keeps failing now, oldest first."""
        found = (failing_hook(hook, self._states_of(hook)) for hook in self.all())
        return [each for each in found if each is not None]

    def acknowledgements(self) -> list[HookAcknowledgement]:
        """What is acknowledged of hooks, also of those that have delivered since."""
        known = {hook.id for hook, _ in self._known.values()}
        return [each for each in self._acknowledgements.values() if each.hook in known]

    async def acknowledge(self, given: HookAcknowledgement) -> None:
        """Store an acknowledgement in place of an earlier one of the hook.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.hook_acknowledgement_key(given.hook)
        await self._mirror.reached(await self._bus.hooks.put(key, _encode(given)))

    async def withdraw(self, hook_id: str) -> None:
        """Remove the acknowledgement of a hook.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.hook_acknowledgement_key(hook_id)
        await self._mirror.reached(await self._bus.hooks.delete(key, marker_ttl=_FORGET_SECONDS))

    async def state(self, hook: Hook, source: Source) -> HookState | None:
        """How far a hook has come in a stream, as the bucket has it now.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.hook_state_key(hook.id, source)
        entry = await self._bus.hooks.get(key)
        return _decode_state(key, entry.value) if entry else None

    async def record(self, hook: Hook, source: Source, state: HookState, attempt: Attempt) -> None:
        """Keep how a try went, and that the hook has come so far.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        await self.record_attempt(hook, attempt)
        await self._bus.hooks.put(Subjects.hook_state_key(hook.id, source), _encode(state))

    async def record_attempt(self, hook: Hook, attempt: Attempt) -> None:
        """Keep how a try went.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        await self._bus.publish(
            self._bus.subjects.delivery(hook.id),
            _encode(attempt),
            message_id=f"{attempt.delivery_id}/{attempt.attempt}/{attempt.at.isoformat()}",
        )

    async def sweep(self) -> None:
        """Remove what is kept of hooks that are gone: a call may have ended after its hook was removed.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        kept = [*self._states, *self._acknowledgements]
        known = {hook.id for hook in await self.stored()} if kept else set()
        for key in kept:
            if key.split(".")[1] not in known:
                await self._bus.hooks.let_go(key, marker_ttl=_FORGET_SECONDS)

    async def attempts(self, hook: Hook) -> list[Attempt]:
        """The tries to deliver something to a hook that are kept, newest first.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        found: list[Attempt] = []
        stream, subject = self._bus.subjects.deliveries_stream, self._bus.subjects.delivery(hook.id)
        async for batch in self._bus.stored(stream, [subject]):
            found += [attempt for message in batch if (attempt := _decode_attempt(message.data)) is not None]
        return found[::-1]

    async def recent_attempts(self) -> dict[str, list[Attempt]]:
        """The last tries of all hooks by the hook's id, oldest first: `_RECENT` of them together.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        stream, found = self._bus.subjects.deliveries_stream, defaultdict[str, list[Attempt]](list)
        start = max(1, await self._bus.last_sequence(stream) - _RECENT + 1)
        async for batch in self._bus.stored(stream, [], start_sequence=start):
            for message in batch:
                attempt = _decode_attempt(message.data)
                if attempt is not None:
                    found[message.subject.rpartition(".")[2]].append(attempt)
        return found

    def _changed(self, key: str, entry: Entry | None) -> None:
        if key.startswith(_STATE):
            state = _decode_state(key, entry.value) if entry else None
            if state is None:
                self._states.pop(key, None)
            else:
                self._states[key] = state
            return
        if key.startswith(_ACKNOWLEDGED):
            given = _decode_acknowledgement(key, entry.value) if entry else None
            if given is None:
                self._acknowledgements.pop(key, None)
            else:
                self._acknowledgements[key] = given
            return
        before, _ = self._known.pop(key, (None, 0))
        after = _decode_hook(key, entry.value) if entry else None
        if after is not None and entry is not None:
            self._known[key] = after, entry.revision
        for listener in self._listeners:
            listener(before, after)


def _decode_hook(key: str, data: bytes) -> Hook | None:
    try:
        return _hook_decoder.decode(data)
    except MALFORMED:
        log.error("hook ignored: it cannot be read", key=key)
        return None


def _decode_state(key: str, data: bytes) -> HookState | None:
    try:
        return _state_decoder.decode(data)
    except MALFORMED:
        log.error("state of a hook ignored: it cannot be read", key=key)
        return None


def _decode_acknowledgement(key: str, data: bytes) -> HookAcknowledgement | None:
    try:
        return _acknowledgement_decoder.decode(data)
    except MALFORMED:
        log.error("acknowledgement of a hook ignored: it cannot be read", key=key)
        return None


def _decode_attempt(data: bytes) -> Attempt | None:
    try:
        return _attempt_decoder.decode(data)
    except MALFORMED:
        log.error("try of a hook ignored: it cannot be read")
        return None


HOOKS = web.AppKey("hooks", Hooks)
