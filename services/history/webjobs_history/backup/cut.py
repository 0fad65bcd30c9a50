"""The buckets as they are at one moment, and the sequence that the events had then."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.definition import decode_definition, defined_job
from webjobs_events.errors import InvalidToken, UnreadableDefinition
from webjobs_events.jetstream import Bucket, Bus, StreamMessage, is_removal
from webjobs_rules.job import JobType

from webjobs_history.backup.errors import AlwaysChanging
from webjobs_history.backup.format import Record, record_of

_SETTLE_SECONDS = 0.5  # in which the event of a change follows the change
_PATIENCE = 60.0  # seconds
_HOOK = "hook."
_REFUSALS = ("refusal.upload.>", "refusal.settings.>")  # those of folders are about disks of runners
_DEPLOYMENTS = "deployments.>"


@dataclass(frozen=True, slots=True)
class Cut:
    """What was stored at one moment.

    Attributes:
        at: The moment, by the clock of this process.
        sequence: The last event then.
        last_log: Sequence of the last chunk of a log then.
        definitions: Of all jobs.
        app_settings: Those that were set.
        hooks: Hooks, and their last calls.
        refusals: What the api was sent and a runner refused.
        deployments: Deployments of packages.
        commands: Run commands in the queue.
        packages: Names of what the definitions need of the store of packages.
    """

    at: datetime
    sequence: int
    last_log: int
    definitions: list[Record]
    app_settings: list[Record]
    hooks: list[Record]
    refusals: list[Record]
    deployments: list[Record]
    commands: list[Record]
    packages: frozenset[str]


async def take_cut(bus: Bus) -> Cut:
    """Read everything between two looks that find definitions, settings and hooks the same.

    A runner writes a definition, then its event. So when a look half a second later finds the definition the
    same, the event is not behind the sequence that was read in between.

    Raises:
        AlwaysChanging: There was no such moment for a minute.
        BusUnavailable: NATS does not answer.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _PATIENCE
    before = await _revisions(bus)
    while True:
        await asyncio.sleep(_SETTLE_SECONDS)
        commands = await _commands(bus)
        sequence = await bus.last_sequence(bus.subjects.events_stream)
        at = datetime.now(UTC)
        last_log = await bus.last_sequence(bus.subjects.logs_stream)
        definitions = await _entries(bus, bus.jobs)
        settings = await _entries(bus, bus.settings)
        hooks = await _entries(bus, bus.hooks)
        refusals = [each for keys in _REFUSALS for each in await _entries(bus, bus.leases, keys)]
        deployments = await _entries(bus, bus.requests, _DEPLOYMENTS)
        after = await _revisions(bus)
        if before == after:
            return Cut(
                at=at,
                sequence=sequence,
                last_log=last_log,
                definitions=_records(bus.jobs, definitions),
                app_settings=_records(bus.settings, settings),
                hooks=_records(bus.hooks, hooks),
                refusals=_records(bus.leases, refusals),
                deployments=_records(bus.requests, deployments),
                commands=commands,
                packages=_packages(bus.jobs, definitions),
            )
        if loop.time() > give_up_at:
            raise AlwaysChanging(_PATIENCE)
        before = after


async def _revisions(bus: Bus) -> dict[str, int]:
    """The last revision of each key that people change, removals included."""
    found: dict[str, int] = {}
    for bucket, keys in ((bus.jobs, ">"), (bus.settings, ">"), (bus.hooks, f"{_HOOK}>")):
        async for batch in bus.stored(bucket.stream, [bucket.subject_of(keys)], latest_only=True):
            found.update((message.subject, message.sequence) for message in batch)
    return found


async def _entries(bus: Bus, bucket: Bucket, keys: str = ">") -> list[StreamMessage]:
    found: list[StreamMessage] = []
    async for batch in bus.stored(bucket.stream, [bucket.subject_of(keys)], latest_only=True):
        found += [message for message in batch if not is_removal(message.headers)]
    return found


def _records(bucket: Bucket, entries: list[StreamMessage]) -> list[Record]:
    return [record_of(bucket.key_of(entry.subject), entry.data) for entry in entries]


async def _commands(bus: Bus) -> list[Record]:
    prefix = len(bus.subjects.namespace) + 1
    pattern = bus.subjects.command(JobType.TRIGGERED, "*", RunTriggeredJob.verb)
    return [
        record_of(message.subject[prefix:], message.data, message.headers, message.sequence)
        for each in (pattern, f"{pattern}.*")
        for message in await bus.pending_commands(each)
    ]


def _packages(bucket: Bucket, entries: list[StreamMessage]) -> frozenset[str]:
    needed: set[str] = set()
    for entry in entries:
        try:
            job_type, job_name = defined_job(bucket.key_of(entry.subject))
            needed |= decode_definition(job_type, job_name, entry.data).kept_objects
        except (InvalidToken, UnreadableDefinition):
            continue  # kept as it is: it is an error of its job alone
    return frozenset(needed)
