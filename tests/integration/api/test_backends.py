"""The runner and history that the tests of the api use, and the real ones, look the same to the api."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.event_recorder import EventRecorder, recorder_of
from support.eventually import eventually
from support.fake_backend import INSTANCE, run_fake_backend
from support.history import History, serving
from support.runners import Caller, running_runner
from support.servers import fresh_database
from support.stories import Instance, Run, deleted, purged
from webjobs_events import events, files, queries
from webjobs_events.commands import (
    ChangeJobSettings,
    Command,
    DeployJob,
    PatchJobSettings,
    ReplyCode,
    UploadKind,
)
from webjobs_events.heartbeat import decode_heartbeat
from webjobs_events.jetstream import Bus, QueryRefused
from webjobs_events.job import JobDefinition
from webjobs_events.queries import RunView, TriggerKind
from webjobs_events.subjects import Subjects
from webjobs_history.settings import HistorySettings
from webjobs_rules.job import JobType
from webjobs_rules.settings_patch import settings_tag
from webjobs_rules.status import Reason, Status

TRIGGERED, CONTINUOUS = JobType
ENDPOINTS = (
    *(queries.RUN, queries.RUNS, queries.ALL_RUNS, queries.LATEST_RUNS),
    *(queries.JOB_SUMMARIES, queries.RUN_TOTALS, queries.STATUSES),
)
SCRIPT = {"run.sh": "echo"}


@dataclass
class Backend:
    """A runner and a history."""

    instance: str
    end_run: Callable[[str], Awaitable[None]]
    """Let the run of a job end."""


@pytest.fixture(params=["fake", "real"])
async def backend(
    request: pytest.FixtureRequest, bus: Bus, nats_url: str, tmp_path: Path
) -> AsyncIterator[Backend]:
    if request.param == "fake":
        async with run_fake_backend(bus, tmp_path) as fake:
            yield Backend(INSTANCE, fake.end_run)
        return

    async def end_run(job_name: str) -> None:
        (tmp_path / job_name).touch()

    server = request.getfixturevalue("postgres_server")
    async with fresh_database(server) as database_url, running_runner(bus, nats_url, tmp_path) as runner:
        settings = HistorySettings(
            nats_url=nats_url, database_url=database_url, namespace=bus.subjects.namespace, health_port=0
        )
        async with serving(settings):
            yield Backend(runner.id, end_run)


@pytest.fixture
async def recorder(bus: Bus) -> AsyncIterator[EventRecorder]:
    async with recorder_of(bus) as recording:
        yield recording


@pytest.fixture
def history(bus: Bus) -> History:
    return History(bus)


async def definition_of(bus: Bus, job_type: JobType, name: str) -> tuple[JobDefinition, int]:
    entry = await bus.jobs.get(Subjects.definition_key(job_type, name))
    assert entry is not None
    return msgspec.json.decode(entry.value, type=JobDefinition), entry.revision


async def test_jobs_are_deployed_changed_and_deleted(backend: Backend, bus: Bus, caller: Caller) -> None:
    reply = await caller.deploy(TRIGGERED, "job", {"run.sh": "echo", "data.txt": "x"})
    definition, revision = await definition_of(bus, TRIGGERED, "job")
    assert (reply.code, reply.revision) == (ReplyCode.DONE, revision)
    assert (definition.job_type, definition.job_name, definition.script) == (TRIGGERED, "job", "run.sh")
    assert (definition.changed_by, definition.settings, definition.disabled) == (backend.instance, {}, False)
    await caller.deploy(TRIGGERED, "job", {"more.txt": "x"}, kind=UploadKind.MERGE)
    assert (await definition_of(bus, TRIGGERED, "job"))[0].script == "run.sh"
    await caller.deploy(CONTINUOUS, "job", {"run.py": "print()"}, kind=UploadKind.SCRIPT)
    assert (await definition_of(bus, CONTINUOUS, "job"))[0].script == "run.py"

    reply = await caller.change_settings("job", {"is_singleton": True})
    definition, revision = await definition_of(bus, CONTINUOUS, "job")
    assert (reply.code, reply.revision) == (ReplyCode.DONE, revision)
    assert definition.settings == {"is_singleton": True}
    for change, is_disabled in ((caller.stop, True), (caller.start, False)):
        reply = await change("job")
        definition, revision = await definition_of(bus, CONTINUOUS, "job")
        assert (reply.code, reply.revision) == (ReplyCode.DONE, revision)
        assert definition.disabled is is_disabled
        assert (await change("job")).revision == revision, "nothing has changed"

    await caller.stop("job")
    await caller.deploy(CONTINUOUS, "job", {"run.sh": "echo again"})
    definition, revision = await definition_of(bus, CONTINUOUS, "job")
    assert (definition.settings, definition.disabled) == ({"is_singleton": True}, True)
    settings = '{"stopping_wait_time": 3}'
    await caller.deploy(CONTINUOUS, "job", {"run.sh": "echo again", "settings.job": settings})
    definition, revision = await definition_of(bus, CONTINUOUS, "job")
    assert (definition.settings, definition.disabled) == ({"stopping_wait_time": 3}, True)

    assert (await caller.delete(TRIGGERED, "job")).code is ReplyCode.DONE
    assert await bus.jobs.get(Subjects.definition_key(TRIGGERED, "job")) is None
    assert (await definition_of(bus, CONTINUOUS, "job"))[1] == revision


async def test_the_definition_names_the_command_and_the_upload_is_gone(
    backend: Backend, bus: Bus, caller: Caller
) -> None:
    for kind, content in ((UploadKind.SCRIPT, b"echo"), (UploadKind.ZIP, b"no archive")):
        upload = await caller.upload(content)
        command = caller.command(DeployJob, TRIGGERED, "job", upload=upload, kind=kind, file_name="run.sh")
        reply = await caller.ask(command)
        assert (reply.code is ReplyCode.DONE) == (kind is UploadKind.SCRIPT), reply
        if reply.code is ReplyCode.DONE:
            assert (await definition_of(bus, TRIGGERED, "job"))[0].cause == command.command_id
        assert upload not in await bus.packages.listed()
    change = caller.command(ChangeJobSettings, TRIGGERED, "job", settings={"stopping_wait_time": 3})
    await caller.ask(change)
    assert (await definition_of(bus, TRIGGERED, "job"))[0].cause == change.command_id


async def test_settings_are_patched_and_changed_on_condition(
    backend: Backend, bus: Bus, caller: Caller
) -> None:
    async def ask(kind: type[Command], **facts: Any) -> tuple[ReplyCode, dict[str, Any]]:
        reply = await caller.ask(caller.command(kind, TRIGGERED, "job", **facts))
        return reply.code, (await definition_of(bus, TRIGGERED, "job"))[0].settings

    await caller.deploy(TRIGGERED, "job", SCRIPT)
    settings = {"stopping_wait_time": 3, "note": {"a": 1, "b": 2}}
    await caller.change_settings("job", settings, TRIGGERED)
    patch = {"stopping_wait_time": None, "note": {"b": 3}}
    patched = {"note": {"a": 1, "b": 3}}
    current, other = settings_tag(settings), settings_tag(patched)
    for kind, facts in ((PatchJobSettings, {"patch": patch}), (ChangeJobSettings, {"settings": {}})):
        assert await ask(kind, **facts, only_if=[other]) == (ReplyCode.PRECONDITION, settings)
    wrong = {"stopping_wait_time": "long"}
    assert await ask(PatchJobSettings, patch=wrong) == (ReplyCode.INVALID_SETTINGS, settings)
    assert await ask(PatchJobSettings, patch=patch, only_if=[other, current]) == (ReplyCode.DONE, patched)
    assert await ask(ChangeJobSettings, settings={}, only_if=[other]) == (ReplyCode.DONE, {})


async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    backend: Backend, bus: Bus, caller: Caller
) -> None:
    for job_type in JobType:
        assert (await caller.change_settings("job", {}, job_type)).code is ReplyCode.JOB_NOT_FOUND
        assert (await caller.delete(job_type, "job")).code is ReplyCode.JOB_NOT_FOUND
    for change in (caller.start, caller.stop):
        assert (await change("job")).code is ReplyCode.JOB_NOT_FOUND
    await caller.deploy(CONTINUOUS, "job", {"notes.md": "x"}, expect=ReplyCode.NO_RUNNABLE_SCRIPT)
    await caller.deploy(CONTINUOUS, "job", SCRIPT)
    before = await definition_of(bus, CONTINUOUS, "job")
    await caller.deploy(CONTINUOUS, "job", {"notes.md": "x"}, expect=ReplyCode.NO_RUNNABLE_SCRIPT)
    reply = await caller.change_settings("job", {"is_singleton": "yes"})
    assert reply.code is ReplyCode.INVALID_SETTINGS
    assert reply.message
    upload = await caller.upload(b"no archive")
    reply = await caller.ask(caller.command(DeployJob, CONTINUOUS, "job", upload=upload, kind=UploadKind.ZIP))
    assert reply.code is ReplyCode.BAD_UPLOAD
    assert reply.message
    gone = caller.command(DeployJob, CONTINUOUS, "job", upload="0" * 64, kind=UploadKind.PACKAGE)
    assert (await caller.ask(gone)).code is ReplyCode.VERSION_GONE
    assert await definition_of(bus, CONTINUOUS, "job") == before


async def test_a_run_is_recorded_from_its_command_to_its_end(
    backend: Backend, caller: Caller, recorder: EventRecorder, history: History, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": f"while [ ! -e {tmp_path}/job ]; do sleep 0.02; done"})
    run_id = await caller.run("job", "a b")
    await eventually(lambda: len(recorder.of_run(run_id)) == 2)
    assert not await caller.is_free("job")
    running = await history.run("job", run_id, len(recorder.events))
    assert running is not None
    await backend.end_run("job")
    end = await recorder.end_of(run_id)
    await eventually(lambda: caller.is_free("job"))
    assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Running", "Success"]

    (began,) = recorder.of(events.RunRunning)
    facts = {
        "job_name": "job",
        "run_id": run_id,
        "trigger": "Test",
        "arguments": "a b",
        "instance": backend.instance,
        "requested_at": began.requested_at,
        "digest": began.digest,
        "started_at": began.at,
    }
    assert running == RunView(status=Status.RUNNING, **facts)
    ended = await history.run("job", run_id, len(recorder.events))
    assert ended == RunView(
        status=Status.SUCCESS,
        ended_at=end.at,
        exit_code=0,
        reason=Reason.EXIT_CODE,
        evidence=end.evidence,
        has_error_log=end.has_error_log,
        output_log_bytes=end.output_log_bytes,
        error_log_bytes=end.error_log_bytes,
        dropped_lines=end.dropped_lines,
        cpu_seconds=end.cpu_seconds,
        peak_memory_bytes=end.peak_memory_bytes,
        log_lines=end.log_lines,
        first_error_line=end.first_error_line,
        **facts,
    )


async def test_runs_are_found_by_what_is_asked_for(backend: Backend, history: History) -> None:
    first, second, other = run_of(1), run_of(2, rerun_of=run_of(1)[0].run_id), run_of(3, "other")
    retried = msgspec.structs.replace(second[2], next_run_id=run_of(4)[0].run_id)
    end = await history.publish([*first, *second[:2], retried, *other[:2]])
    ids = [story[0].run_id for story in (first, second, other)]

    assert [run.run_id for run in await history.latest(at_least=end)] == [ids[1], ids[2]]
    assert [run.run_id for run in await history.latest(["other", "none"])] == [ids[2]]
    assert await history.run_ids("job") == [ids[1], ids[0]]
    assert [run.run_id for run in await history.runs("job", before=ids[1])] == [ids[0]]
    assert [run.run_id for run in await history.runs("job", limit=1)] == [ids[1]]
    wanted = {
        "none": ({}, [2, 1, 0]),
        "statuses": ({"statuses": [Status.RUNNING]}, [2]),
        "jobs": ({"job_names": ["job"]}, [1, 0]),
        "triggers": ({"triggers": [TriggerKind.RERUN]}, [1]),
        "runners": ({"instances": ["bbbbbb"]}, [2]),
        "since": ({"since": ids[1]}, [2, 1]),
        "until": ({"until": ids[1]}, [0]),
        "before": ({"before": ("job", ids[1])}, [0]),
    }
    for name, (query, expected) in wanted.items():
        answer = await history.all_runs(end, **query)
        assert [ids.index(run.run_id) for run in answer.runs] == expected, name
    answer = await history.all_runs(
        end, limit=2, waiting=[("job", ids[0]), ("job", "none"), ("other", ids[2])], queued=["job", "other"]
    )
    assert (answer.has_more, sorted(answer.begun)) == (True, [0, 2])
    assert [run.run_id for run in answer.retried] == [ids[1]]


def run_of(number: int, job: str = "job", **facts: object) -> list[events.RunEvent]:
    story = Run(number, job, instance="bbbbbb" if job == "other" else "aaaaaa")
    return [story.initializing(**facts), story.running(**facts), story.failed(**facts)]


async def test_jobs_are_summed_up_and_runs_are_counted(backend: Backend, history: History) -> None:
    first, second, running = run_of(1), run_of(2), Run(9, "other")
    waits, again = run_of(3), Run(4, attempt=2)
    retried = msgspec.structs.replace(waits[2], next_run_id=again.run_id)
    end = await history.publish(
        [
            *(*first[:2], Run(1).success(2), *second, *waits[:2], retried),
            *(running.initializing(arguments="x" * 300), running.running()),
        ]
    )
    job, other = await history.summaries(at_least=end)
    assert (job.job_name, job.run_count, job.latest.run_id) == ("job", 3, waits[0].run_id)
    assert (job.results, job.streak, len(job.durations)) == ("SFF", 2, 3)
    assert (job.failing_since, job.last_success and job.last_success.run_id) == (
        second[2].at,
        first[0].run_id,
    )
    assert (other.job_name, other.run_count, other.results) == ("other", 1, "")
    assert await history.summaries(["other", "none"]) == [other]
    totals = await history.totals(end, since=second[0].run_id, waiting=[Run(1), Run(3), running, Run(7)])
    assert (totals.running, totals.failed, totals.begun) == (1, 2, 2)
    assert [(run.run_id, run.arguments) for run in totals.longest_running] == [(running.run_id, "x" * 200)]


async def test_runs_that_were_purged_or_whose_job_is_gone_are_not_found(
    backend: Backend, history: History
) -> None:
    first, second, other = run_of(1), run_of(2), run_of(3, "other")
    end = await history.publish([*first, *second, *other, purged([second[0].run_id]), deleted("other")])
    assert [run.run_id for run in await history.latest(at_least=end)] == [first[0].run_id]
    assert await history.runs("other") == []
    assert await history.run("job", second[0].run_id) is None


async def test_an_event_that_comes_late_or_again_changes_nothing(backend: Backend, history: History) -> None:
    story = run_of(1)
    end = await history.publish(story)
    ended = await history.run("job", story[0].run_id, end)
    late = Run(1).aborted(9)
    end = await history.publish([late, Run(2).running()])
    assert await history.run("job", story[0].run_id, end) == ended
    assert await history.run("job", Run(2).run_id) is None


async def test_statuses_of_continuous_jobs_are_those_of_their_events(
    backend: Backend, history: History
) -> None:
    first, second, other = Instance("aaaaaa"), Instance("bbbbbb"), Instance("aaaaaa", "other")
    end = await history.publish(
        [
            *(second.initializing(), first.initializing(), first.starting(), first.running()),
            *(first.pending_restart(), other.initializing()),
        ]
    )
    (job, others) = await history.statuses(at_least=end)
    assert (job.job_name, others.job_name) == ("job", "other")
    waiting, beginning = job.instances
    assert (waiting.instance, waiting.status, waiting.exit_code) == ("aaaaaa", Status.PENDING_RESTART, 1)
    assert waiting.crashes == 1
    assert (beginning.instance, beginning.status) == ("bbbbbb", Status.INITIALIZING)
    assert [job.job_name for job in await history.statuses(["other", "none"])] == ["other"]
    end = await history.publish([deleted("other", CONTINUOUS)])
    assert [job.job_name for job in await history.statuses(at_least=end)] == ["job"]


async def test_answers_are_as_new_as_is_asked(backend: Backend, history: History) -> None:
    """What is not known is looked for to the end of the stream; a sequence beyond the end stands for it."""
    for number in range(10):
        await history.publish([Run(number, f"job{number}").initializing()])
        assert await history.run(f"job{number}", Run(number).run_id) is not None
    await history.publish([Run(1, "next").initializing()])
    assert len(await history.latest(["next", "none"])) == 1
    await history.publish([Run(1, "page").initializing()])
    assert len(await history.runs("page")) == 1
    await history.publish([Instance(job="steady").initializing()])
    assert len(await history.statuses(["steady"])) == 1
    await history.publish([Run(1, "last").initializing()])
    assert "last" in [run.job_name for run in await history.latest(at_least=1_000_000)]


async def test_a_query_that_cannot_be_read_is_refused(backend: Backend, bus: Bus, history: History) -> None:
    await history.latest()  # it answers
    for endpoint in ENDPOINTS:
        for data in (b"{", b'{"job_name": 5, "job_names": 5}'):
            with pytest.raises(QueryRefused) as raised:
                await bus.ask(endpoint, data)
            assert raised.value.code == 400


async def test_the_runner_is_alive_and_has_no_file_of_this_name(backend: Backend, bus: Bus) -> None:
    entry = await bus.leases.get(Subjects.instance_key(backend.instance))
    assert entry is not None
    assert not decode_heartbeat(entry.value).leaving
    for question in (files.Look(path="site/none"), files.Delete(path="site/none")):
        operation = files.operation_of(question)
        reply = files.decode_reply(await bus.ask_files(backend.instance, operation, files.encode(question)))
        assert isinstance(reply, files.Refused)
        assert reply.fault is files.Fault.NOT_FOUND
