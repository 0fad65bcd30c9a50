"""What must hold after a kill, whatever it met."""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from chaos.deployments.kills import tools
from chaos.deployments.stack import DeploymentStack
from support.bus import SUBJECTS, replay
from support.client import Answer, Client
from support.eventually import eventually
from webjobs_environments.contents import contents_of
from webjobs_environments.file_locks import try_lock
from webjobs_environments.folders import EnvironmentFolders
from webjobs_events.deployment_id import deployment_id_of
from webjobs_events.events import DependenciesFailed, DependenciesPrepared, Deployed, DeployFailed, Event
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

LOST = (aiohttp.ClientError, TimeoutError, ConnectionError)
"""What a client sees whose api is killed."""
_SETTLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SentDeployments:
    """The deployments of one job that a client has sent.

    Attributes:
        job: Its name.
        version: Of its packages.
        answers: As they came; None stands for one that was lost.
    """

    job: str
    version: int
    answers: list[Answer | None] = field(default_factory=list)


async def deployments_have_ended(client: Client, job: str) -> list[Any]:
    """The deployments of a job, oldest first, once none goes on."""

    async def all_complete() -> list[Any]:
        try:
            answer = await client.get(f"/api/deployments?job=triggered/{job}")
        except LOST as error:
            raise AssertionError from error
        assert answer.status == 200, answer.text
        assert all(each["complete"] for each in answer.json), answer.text
        found: list[Any] = answer.json[::-1]
        return found

    return await eventually(all_complete, _SETTLED_SECONDS, interval=0.1)


async def each_has_one_end(stack: DeploymentStack, sent: SentDeployments, found: list[Any]) -> None:
    """Stream, API and answers agree on how each deployment ended."""
    events = await replay(stack.nats.url, SUBJECTS.job_event(JobType.TRIGGERED, sent.job, "*"))
    by_id: dict[str, list[Event]] = {}
    for _, event in events:
        if (deployment_id := deployment_id_of(getattr(event, "cause", ""))) is not None:
            by_id.setdefault(deployment_id, []).append(event)
    names = {each: [event.name for event in happened] for each, happened in by_id.items()}
    assert set(by_id) == {each["id"] for each in found}, (names, found)
    for each in found:
        happened = by_id[each["id"]]
        ends = [event for event in happened if isinstance(event, Deployed | DeployFailed)]
        assert len(ends) == 1, (each["id"], names)
        (end,) = ends
        assert each["state"] == ("deployed" if isinstance(end, Deployed) else "failed"), (each, names)
        before = happened[: happened.index(end)]
        if isinstance(end, Deployed):
            assert any(isinstance(event, DependenciesPrepared) for event in before), names
        elif each["error"]["status"] == 503:
            assert any(isinstance(event, DependenciesFailed) for event in before), (names, end)
    revisions = [event.revision for _, event in events if isinstance(event, Deployed)]
    assert revisions == sorted(set(revisions))
    by_status = Counter(None if answer is None else answer.status for answer in sent.answers)
    assert by_status[None] <= 1 and len(found) <= len(sent.answers), (by_status, found)
    assert len(found) >= len(sent.answers) - by_status[None], (by_status, found)
    for answer in sent.answers:
        if answer is not None and answer.status == 202:
            named = answer.headers["Location"].rpartition("/")[2]
            assert named in by_id, (answer.text, names)
        elif answer is not None and answer.status != 200:
            assert any(each["error"] and each["error"]["detail"] == answer.text for each in found), (
                answer.status,
                answer.text,
                found,
            )


async def job_is_whole(stack: DeploymentStack, client: Client, sent: SentDeployments) -> None:
    """Its definition names a stored lock, its environment is as it was built, its script runs."""
    async with connect_bus(stack.nats.url, name="checks", subjects=SUBJECTS) as bus:
        definition = await _definition(bus, sent.job)
        assert definition.dependencies is not None
        assert await bus.packages.exists(definition.dependencies.lock_digest)
    needed = await client.json(f"/api/jobs/triggered/{sent.job}/dependencies?lock=true")
    packages = {(each["name"], each["version"]) for each in needed["packages"]}
    assert packages == {("alpha", f"{sent.version}.0.0"), ("beta", f"{sent.version}.0.0")}
    run = await client.run_to_end(sent.job)
    assert run["status"] == "Success", (run, (await client.get(run["output_url"])).text)
    assert (await client.output_of(run))[-1] == f"{sent.version}.0.0 {sent.version}.0.0"
    assert any(
        (marker := folders.read_marker(key)) is not None
        and marker.lock_digest == definition.dependencies.lock_digest
        and marker.contents == contents_of(folders.folder(key))
        for folders in _folders(stack)
        for key in folders.keys()
    )


async def nothing_is_left(stack: DeploymentStack) -> None:
    """No program that installs runs, no lock is held, no unfinished folder lies about."""

    def left() -> list[str]:
        running = [f"process {process}" for process in tools(stack)]
        unfinished = [
            str(path.relative_to(stack.site))
            for pattern in ("data/.environments/*/.t*", "data/.runner/*/downloads/*")
            for path in stack.site.glob(pattern)
        ]
        return [*running, *unfinished, *_held_locks(stack)]

    async def nothing() -> bool:
        assert not (found := left()), found
        return True

    await eventually(nothing)


def _held_locks(stack: DeploymentStack) -> list[str]:
    held = []
    for pattern in ("*/*.build", "*/*.lock", "cache.lock"):
        for path in stack.environments.glob(pattern):
            descriptor = try_lock(path)
            if descriptor is None:
                held.append(f"lock {path.name}")
            else:
                os.close(descriptor)
    return held


def _folders(stack: DeploymentStack) -> list[EnvironmentFolders]:
    return [
        EnvironmentFolders(stack.environments / "python", "bin/python"),
        EnvironmentFolders(stack.environments / "node", "node_modules"),
    ]


async def _definition(bus: Bus, job: str) -> JobDefinition:
    entry = await bus.jobs.get(Subjects.definition_key(JobType.TRIGGERED, job))
    assert entry is not None
    return msgspec.json.decode(entry.value, type=JobDefinition)
