"""The job definitions, mirrored in memory and decoded once per change, and changed by compare-and-set."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from webjobs_rules.job import JobName, JobType

from webjobs_events.definition import decode_definition, defined_job, encode_change, encode_definition
from webjobs_events.errors import InvalidToken, RevisionConflict, UnreadableDefinition
from webjobs_events.jetstream.bus import Bus
from webjobs_events.jetstream.entry import Entry
from webjobs_events.job import JobDefinition
from webjobs_events.log import logger
from webjobs_events.subjects import Subjects

JobKey = tuple[JobType, JobName]
Listener = Callable[[JobKey, JobDefinition | None], None]

_TRIES = 20
_LAG_SECONDS = 10.0


class Definitions:
    """An async context manager: every job definition, current while it is entered.

    Args:
        bus: To NATS.
        restore: Whether this service writes the definitions again when their bucket was lost.
    """

    def __init__(self, bus: Bus, *, restore: bool = False) -> None:
        self._bus = bus
        self._mirror = bus.jobs.mirror(self._changed, restore=restore)
        self._known: dict[JobKey, JobDefinition] = {}
        self._unreadable: dict[JobKey, UnreadableDefinition] = {}
        self._listeners: list[Listener] = []
        self._fault_listeners: list[Callable[[UnreadableDefinition], None]] = []
        self._may_lag_until = 0.0  # monotonic

    async def __aenter__(self) -> "Definitions":
        await self._mirror.__aenter__()
        self._unhook = self._bus.connection.on_reconnect(self._reconnected)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._unhook()
        await self._mirror.__aexit__(*exc_info)

    def on_change(self, listener: Listener) -> None:
        """Call this listener with every change, `None` for a removed job."""
        self._listeners.append(listener)

    def on_unreadable(self, listener: Callable[[UnreadableDefinition], None]) -> None:
        """Call this listener for every definition that cannot be read."""
        self._fault_listeners.append(listener)

    def get(self, job_type: JobType, job_name: JobName) -> JobDefinition | None:
        """A definition as last received."""
        return self._known.get((job_type, job_name))

    def fault_of(self, key: JobKey) -> UnreadableDefinition | None:
        """Why the stored definition of a job cannot be read; None when it can, or there is none.

        What was known before it became unreadable stays known until this service ends.
        """
        return self._unreadable.get(key)

    def all(self) -> Iterator[tuple[JobKey, JobDefinition]]:
        """Every definition as last received."""
        return iter(list(self._known.items()))

    async def current(self, job_type: JobType, job_name: JobName) -> tuple[JobDefinition, int] | None:
        """A definition as the bucket has it now, with its revision.

        Raises:
            UnreadableDefinition: It cannot be read.
            BusUnavailable: NATS does not answer.
        """
        entry = await self._bus.jobs.get(Subjects.definition_key(job_type, job_name))
        return (decode_definition(job_type, job_name, entry.value), entry.revision) if entry else None

    async def readable(self, job_type: JobType, job_name: JobName) -> tuple[JobDefinition, int] | None:
        """The same for callers that replace or remove the definition: None also when it cannot be read.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        with suppress(UnreadableDefinition):
            return await self.current(job_type, job_name)
        return None

    async def newest(self, job_type: JobType, job_name: JobName) -> JobDefinition | None:
        """A definition as last received; read from the bucket when that may be old, or none was received.

        Raises:
            UnreadableDefinition: It cannot be read.
            BusUnavailable: NATS does not answer.
        """
        known = self.get(job_type, job_name)
        if known is not None and time.monotonic() > self._may_lag_until:
            return known
        found = await self.current(job_type, job_name)
        return found[0] if found else None

    async def change(
        self,
        job_type: JobType,
        job_name: JobName,
        decide: Callable[[JobDefinition | None], JobDefinition | None],
    ) -> tuple[JobDefinition, int, bool] | None:
        """Write what `decide` makes of the present definition; called again if another runner was faster.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            decide: Answers the new definition, or None to leave everything as it is.

        Returns:
            The definition now, its revision, and whether it was written; None when there is none.

        Raises:
            UnreadableDefinition: It cannot be read, and `decide` does not replace it.
            RevisionConflict: Others kept changing it.
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.definition_key(job_type, job_name)
        for _ in range(_TRIES):
            entry = await self._bus.jobs.get(key)
            now, fault = _read(job_type, job_name, entry)
            wanted = decide(now)
            if wanted is None:
                if fault is not None:
                    raise fault
                return (now, entry.revision, False) if now and entry else None
            try:
                if entry:
                    value = encode_change(wanted, entry.value)
                    return wanted, await self._bus.jobs.update(key, value, entry.revision), True
                return wanted, await self._bus.jobs.create(key, encode_definition(wanted)), True
            except RevisionConflict:
                continue
        raise RevisionConflict(key)

    async def remove(self, job_type: JobType, job_name: JobName) -> int | None:
        """Remove a definition; answers the revision of its removal, None when there is none.

        Raises:
            RevisionConflict: Others kept changing it.
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.definition_key(job_type, job_name)
        for _ in range(_TRIES):
            entry = await self._bus.jobs.get(key)
            if entry is None:
                return None
            try:
                return await self._bus.jobs.delete(key, entry.revision)
            except RevisionConflict:
                continue
        raise RevisionConflict(key)

    async def removed_at(self, job_type: JobType, job_name: JobName) -> int | None:
        """The revision at which the definition was removed; None when it is there, or never was.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await self._bus.jobs.removed_at(Subjects.definition_key(job_type, job_name))

    async def reached(self, revision: int) -> None:
        """Wait until this service has received what was written at `revision`."""
        await self._mirror.reached(revision)

    def _reconnected(self) -> None:
        """Commands may be handed out again before the mirror has received what it missed."""
        self._may_lag_until = time.monotonic() + _LAG_SECONDS

    def _changed(self, key: str, entry: Entry | None) -> None:
        try:
            job_key = defined_job(key)
        except InvalidToken as error:
            logger.error("key of no job left alone", bucket=self._bus.jobs.name, key=key, error=str(error))
            return
        self._unreadable.pop(job_key, None)
        definition, fault = _read(*job_key, entry)
        if fault is not None:
            logger.error("unreadable job definition left alone", key=key, error=str(fault))
            self._unreadable[job_key] = fault
            for on_unreadable in self._fault_listeners:
                on_unreadable(fault)
            return
        if definition is None or entry is None:
            self._known.pop(job_key, None)
        else:
            self._known[job_key] = definition
        for listener in self._listeners:
            listener(job_key, definition)


def _read(
    job_type: JobType, job_name: JobName, entry: Entry | None
) -> tuple[JobDefinition | None, UnreadableDefinition | None]:
    """The definition in an entry, or why it cannot be read."""
    if entry is None:
        return None, None
    try:
        return decode_definition(job_type, job_name, entry.value), None
    except UnreadableDefinition as fault:
        return None, fault
