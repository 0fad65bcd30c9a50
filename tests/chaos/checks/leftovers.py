"""After its jobs are deleted, nothing of a round is left: no key, no message, no folder, no process."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from chaos.checks.processes import nothing_of_jobs_runs
from chaos.nats_faults import is_garbage, operator
from chaos.round import Round
from chaos.stack import ChaosStack
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from support.client import job_url
from support.eventually import eventually
from webjobs_events.subjects import Subjects, token_of
from webjobs_runner.files.folder_swap import STAGING

_SUBJECTS = Subjects()
_SECONDS = 30.0
_ON_THEIR_WAY = (
    "data/.runner/*/uploads/*",
    "data/.runner/*/downloads/*",
    f"site/wwwroot/app_data/jobs/*/{STAGING}/*",
)
_REMOVED = ("DEL", "PURGE")
_READERS_LEAVE_SECONDS = 45.0  # after 30 of them NATS removes the consumer of a reader that is gone


async def nothing_is_left(this: Round) -> None:
    """Delete all jobs; everything about them goes, but for the events."""
    for job in this.jobs:
        answer = await this.client.delete(job_url(job.job_type, job.name))
        assert answer.status in (200, 404), answer.text
    for job in this.jobs:
        assert (await this.client.get(job_url(job.job_type, job.name))).status == 404

    async def is_gone() -> bool:
        nothing_of_jobs_runs(this)
        _no_folder_is_left(this)
        await _no_key_is_left(this)
        return True

    await eventually(is_gone, _SECONDS, interval=0.3)


def _no_folder_is_left(this: Round) -> None:
    names = {job.name for job in this.jobs}
    roots = [*this.stack.sites, *this.stack.folder.glob("webjobs-*")]
    left = [path for root in roots for path in _named(root, names)]
    # Nothing is on its way any more: no upload, no package, no folder that is to be put in place.
    left += [path for site in this.stack.sites for on_way in _ON_THEIR_WAY for path in site.glob(on_way)]
    assert not left, f"left on disk: { {path: list(path.rglob('*'))[:5] for path in left} }"


def _named(root: Path, names: set[str]) -> list[Path]:
    """What lies below a folder and has one of these names in its own, but for what is meant to stay."""
    found = [path for path in root.rglob("*") if any(name in path.name for name in names)]
    return [path for path in found if not _is_to_stay(path)]


def _is_to_stay(path: Path) -> bool:
    """Locks, which others may wait for, and offsets of logs, from which a job of the same name goes on."""
    return ".locks" in path.parts or (path.suffix == ".json" and path.parent.name == "logs")


async def _no_key_is_left(this: Round) -> None:
    tokens = {token_of(job.name) for job in this.jobs}
    streams = [
        _SUBJECTS.commands_stream,
        _SUBJECTS.logs_stream,
        f"KV_{_SUBJECTS.leases_bucket}",
        f"KV_{_SUBJECTS.jobs_bucket}",
    ]
    async with operator(this.stack.nats_url) as connection:
        js = connection.jetstream()
        left = [
            subject
            for stream in streams
            async for subject in _living_subjects(js, stream)
            if tokens & set(subject.split(".")) and not is_garbage(subject)
        ]
    assert not left, f"left on NATS: {left}"


async def _living_subjects(js: JetStreamContext, stream: str) -> AsyncIterator[str]:
    """Subjects with a message that is no mark of a removal."""
    state = (await js.stream_info(stream, subjects_filter=">")).state
    for subject in state.subjects or {}:
        try:
            message = await js.get_last_msg(stream, subject)
        except NotFoundError:
            continue  # removed since the list was made
        headers = message.headers or {}
        if headers.get("KV-Operation") not in _REMOVED and "Nats-Marker-Reason" not in headers:
            yield subject


async def consumers_of(stack: ChaosStack) -> Counter[tuple[str, str]]:
    """How many consumers each stream has: those with a name by it, those of readers together."""
    found: Counter[tuple[str, str]] = Counter()
    async with operator(stack.nats_url) as connection:
        js = connection.jetstream()
        for stream in await js.streams_info():
            name = stream.config.name or ""
            for consumer in await js.consumers_info(name):
                found[name, consumer.config.durable_name or "reader"] += 1
    return found


async def no_consumer_is_left(stack: ChaosStack, before: Counter[tuple[str, str]]) -> None:
    """As many as there were before the first round, once those of readers that were killed have expired."""

    async def are_gone() -> bool:
        left = await consumers_of(stack) - before
        assert not left, f"consumers left behind: {left}"
        return True

    await eventually(are_gone, _READERS_LEAVE_SECONDS, interval=1)
