"""A small runner and history in one, so that the api can be tested alone: it takes commands from the queue,
publishes events, and answers queries from what it folded out of the stream.

The api sees no difference to the real ones: `integration/api/test_backends.py` holds both to that. What it
leaves out: scripts, logs and files, of which tests publish what they need, and limits of the size of answers.
"""

import asyncio
import sys
import zipfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from support.definitions import job_definition
from webjobs_api.backends.run_filter import RunFilter
from webjobs_events import commands, events, files, queries
from webjobs_events.commands import JOB_VERBS, CommandReply, ReplyCode, RunTriggeredJob, decode_command
from webjobs_events.errors import MALFORMED
from webjobs_events.jetstream import Bus, Entry, QueryRefused, QueuedMessage
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_history.domain.fold import Fold
from webjobs_history.domain.job_statistics import JobStatistics
from webjobs_history.domain.rows import JobRow
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import LineCount, chunk_headers
from webjobs_rules.run_id import RunId, run_id_at
from webjobs_rules.settings_check import check_settings
from webjobs_rules.settings_patch import merged, settings_tag
from webjobs_rules.status import Reason, Status
from webjobs_runner.domain.version_list import with_version

INSTANCE = "327e1e"
encode = msgspec.json.encode
Q = TypeVar("Q", bound=queries.Query)


@dataclass
class HeldRun:
    """A run that was taken from the queue and goes on until the test ends it."""

    command: RunTriggeredJob
    message: QueuedMessage
    started_at: datetime


@dataclass
class FakeBackend:
    """What the tests see and steer."""

    bus: Bus
    folder: Path
    held: dict[str, HeldRun] = field(default_factory=dict)
    """By job name."""
    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    """What was deployed, by type and name of the job."""
    seen: list[Any] = field(default_factory=list)
    may_take_runs: asyncio.Event = field(default_factory=asyncio.Event)
    may_take_job_commands: asyncio.Event = field(default_factory=asyncio.Event)
    answers: bool = True
    """False: commands are carried out and the reply is lost."""
    may_project: asyncio.Event = field(default_factory=asyncio.Event)
    history_away: bool = False
    questions: int = 0
    """To history."""
    runs: dict[str, dict[str, queries.RunView]] = field(default_factory=dict)
    """As the real history folds them, by job name and run id."""
    statuses: dict[str, list[queries.InstanceView]] = field(default_factory=dict)
    """What tests give with `tell`, in place of what was folded."""
    _fold: Fold = field(default_factory=Fold)
    position: int = 0
    advanced: asyncio.Condition = field(default_factory=asyncio.Condition)

    # The runner

    async def beat(self) -> None:
        await self.bus.leases.put(Subjects.instance_key(INSTANCE), b'{"boot": "test"}', ttl=60)

    async def fall_silent(self) -> None:
        await self.bus.leases.delete(Subjects.instance_key(INSTANCE))

    async def define(
        self, job_type: JobType, name: str, script: str = "run.sh", cause: str = "test", **changes: Any
    ) -> int:
        definition = job_definition(
            name,
            job_type,
            script=script,
            changed_at=datetime.now(UTC),
            changed_by=INSTANCE,
            cause=cause,
            **changes,
        )
        return await self.bus.jobs.put(Subjects.definition_key(job_type, name), encode(definition))

    async def take_run(self, message: QueuedMessage) -> None:
        await self.may_take_runs.wait()
        command = decode_command(message.subject, message.data)
        assert isinstance(command, RunTriggeredJob)
        self.seen.append(command)
        now = datetime.now(UTC)
        await self.bus.publish_event(events.RunInitializing(**self._about(command), at=now))
        await self.bus.publish_event(events.RunRunning(**self._about(command), at=now, script="run.sh"))
        self.held[command.job_name] = HeldRun(command, message, now)

    async def end_run(
        self,
        job_name: str,
        *,
        exit_code: int = 0,
        has_error_log: bool = False,
        free_the_job: bool = True,
        **facts: Any,
    ) -> None:
        held = self.held[job_name]
        ended = events.RunFailed if exit_code else events.RunSuccess
        await self.bus.publish_event(
            ended(
                **self._about(held.command),
                at=datetime.now(UTC),
                started_at=held.started_at,
                reason=Reason.EXIT_CODE,
                exit_code=exit_code,
                has_error_log=has_error_log,
                **facts,
            )
        )
        if free_the_job:
            await self.free(job_name)

    async def free(self, job_name: str) -> None:
        assert await self.held.pop(job_name).message.done()

    def _about(self, command: RunTriggeredJob) -> dict[str, Any]:
        return {
            "instance": INSTANCE,
            "job_name": command.job_name,
            "run_id": command.run_id,
            "trigger": command.requested_by,
            "arguments": command.arguments,
            "digest": "d1",
            "requested_at": command.requested_at,
        }

    async def take_job_command(self, message: QueuedMessage) -> None:
        await self.may_take_job_commands.wait()
        command = decode_command(message.subject, message.data)
        self.seen.append(command)
        reply = await self._carry_out(command)
        await message.done()
        if self.answers and command.reply_to:
            await self.bus.reply(command.reply_to, encode(reply))

    async def _carry_out(self, command: Any) -> CommandReply:
        key = Subjects.definition_key(command.job_type, command.job_name)
        entry = await self.bus.jobs.get(key)
        if isinstance(command, commands.DeployJob):
            return await self._deploy(command, entry)
        if entry is None:
            return CommandReply(code=ReplyCode.JOB_NOT_FOUND, message="no such job")
        if isinstance(command, commands.ImportRuns):
            return await self._import_runs(command, entry)
        if isinstance(command, commands.DeleteJob):
            await self.bus.jobs.delete(key)
            return CommandReply(code=ReplyCode.DONE)
        before = msgspec.json.decode(entry.value, type=JobDefinition)
        if isinstance(command, commands.ChangeJobSettings | commands.PatchJobSettings):
            if command.only_if is not None and settings_tag(before.settings) not in command.only_if:
                return CommandReply(code=ReplyCode.PRECONDITION, message="The settings are others.")
            is_patch = isinstance(command, commands.PatchJobSettings)
            settings = merged(before.settings, command.patch) if is_patch else command.settings
            try:
                check_settings(settings, command.job_type)
            except InvalidJobSettings as error:
                return CommandReply(code=ReplyCode.INVALID_SETTINGS, message=str(error))
            after = msgspec.structs.replace(before, settings=settings)
        elif isinstance(command, commands.RestartContinuousJob):
            after = msgspec.structs.replace(before, restarted_by=command.command_id)
        else:
            after = msgspec.structs.replace(before, disabled=isinstance(command, commands.StopContinuousJob))
        if after == before:
            return CommandReply(code=ReplyCode.DONE, revision=entry.revision)
        definition = msgspec.structs.replace(after, cause=command.command_id)
        revision = await self.bus.jobs.put(key, encode(definition))
        return CommandReply(code=ReplyCode.DONE, revision=revision)

    async def _import_runs(self, command: commands.ImportRuns, entry: Entry) -> CommandReply:
        target = self.folder / command.upload
        await self.bus.packages.fetch(command.upload, target)
        await self.bus.packages.delete(command.upload)
        if not zipfile.is_zipfile(target):
            return CommandReply(code=ReplyCode.BAD_UPLOAD, message="The upload is not a zip file.")
        with zipfile.ZipFile(target) as archive:
            ids = sorted({name.partition("/")[0] for name in archive.namelist()})
        runs = [
            commands.ImportedRun(run_id=RunId(each), outcome=commands.ImportOutcome.IMPORTED) for each in ids
        ]
        return CommandReply(code=ReplyCode.DONE, revision=entry.revision, runs=runs)

    async def _restore(self, command: commands.DeployJob, entry: Entry | None) -> CommandReply:
        before = msgspec.json.decode(entry.value, type=JobDefinition) if entry else None
        is_kept = before is not None and command.upload in before.kept_packages
        if not is_kept or not await self.bus.packages.exists(command.upload):
            return CommandReply(code=ReplyCode.VERSION_GONE, message="not kept")
        known = before.known_versions
        version = next(each for each in known if each.digest == command.upload)
        after = msgspec.structs.replace(
            before, digest=version.digest, cause=command.command_id, versions=with_version(known, version, 10)
        )
        key = Subjects.definition_key(command.job_type, command.job_name)
        return CommandReply(code=ReplyCode.DONE, revision=await self.bus.jobs.put(key, encode(after)))

    async def _deploy(self, command: commands.DeployJob, entry: Entry | None) -> CommandReply:
        if command.kind is commands.UploadKind.PACKAGE:
            return await self._restore(command, entry)
        target = self.folder / command.upload
        await self.bus.packages.fetch(command.upload, target)
        await self.bus.packages.delete(command.upload)
        if command.kind is commands.UploadKind.SCRIPT:
            assert command.file_name is not None
            files = {command.file_name: target.read_bytes()}
        elif not zipfile.is_zipfile(target):
            return CommandReply(code=ReplyCode.BAD_UPLOAD, message="The upload is not a zip file.")
        else:
            with zipfile.ZipFile(target) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        if command.kind is commands.UploadKind.MERGE:
            files = self.files.get((command.job_type, command.job_name), {}) | files
        scripts = [name for name in files if name.endswith((".sh", ".py"))]
        if not scripts:
            return CommandReply(code=ReplyCode.NO_RUNNABLE_SCRIPT, message="No runnable script.")
        self.files[command.job_type, command.job_name] = files
        kept: dict[str, Any] = {}
        if entry is not None:
            before = msgspec.json.decode(entry.value, type=JobDefinition)
            kept = {"settings": before.settings, "disabled": before.disabled}
        if "settings.job" in files:
            kept["settings"] = msgspec.json.decode(files["settings.job"])
        revision = await self.define(
            command.job_type, command.job_name, scripts[0], cause=command.command_id, **kept
        )
        return CommandReply(code=ReplyCode.DONE, revision=revision)

    async def log(
        self, subject: str, file_name: str, offset: int, data: bytes, before: LineCount | None = None
    ) -> None:
        headers = chunk_headers(file_name, offset, before)
        await self.bus.connection.js.publish(subject, data, headers=headers)

    # The history

    async def project(self) -> None:
        async for sequence, event in self.bus.subscribe_events():
            await self.may_project.wait()
            self._fold.apply(event)
            if isinstance(event, events.RunEvent):
                run = self._fold.run(event.job_name, event.run_id)
                if run is not None:
                    self.runs.setdefault(event.job_name, {})[event.run_id] = run
            elif isinstance(event, events.Purged | events.Deleted | events.Removed):
                self.runs = {}
                for run in self._fold.runs_to_put:
                    self.runs.setdefault(run.job_name, {})[run.run_id] = run
            async with self.advanced:
                self.position = sequence
                self.advanced.notify_all()

    async def _reached(self, sequence: int) -> None:
        """Wait for the projection of this sequence, or of the end of the stream if that is lower."""
        if sequence > self.position:
            end = await self.bus.last_sequence(self.bus.subjects.events_stream)
            sequence = min(sequence, end)
        try:
            async with asyncio.timeout(1), self.advanced:
                await self.advanced.wait_for(lambda: self.position >= sequence)
        except TimeoutError as error:
            raise QueryRefused(503, "history lags behind") from error

    async def _ready(self, query: queries.Query) -> None:
        self.questions += 1
        if self.history_away:
            raise QueryRefused(503, "Postgres is away")
        await self._reached(query.at_least)

    async def _find(self, wanted: Collection[str], known: Collection[str]) -> None:
        """Reach the end of the stream if something is not known yet."""
        if not set(wanted) <= set(known):
            await self._reached(sys.maxsize)

    async def latest_runs(self, data: bytes) -> bytes:
        query = _decode(data, queries.LatestRunsQuery)
        await self._ready(query)
        if not query.may_lack:
            await self._find(query.job_names or (), self.runs)
        names = self.runs if query.job_names is None else self.runs.keys() & set(query.job_names)
        latest = [self.runs[name][max(self.runs[name])] for name in sorted(names)]
        return encode(queries.LatestRuns(position=self.position, runs=latest))

    async def job_summaries(self, data: bytes) -> bytes:
        query = _decode(data, queries.JobSummariesQuery)
        await self._ready(query)
        if not query.may_lack:
            await self._find(query.job_names or (), self.runs)
        jobs = [
            _summary(job, self.runs[job.job_name][max(self.runs[job.job_name])])
            for job in sorted(self._fold.jobs_to_put, key=lambda job: job.job_name)
            if job.run_count and (query.job_names is None or job.job_name in query.job_names)
        ]
        return encode(queries.JobSummaries(position=self.position, jobs=jobs))

    async def run_totals(self, data: bytes) -> bytes:
        query = _decode(data, queries.RunTotalsQuery)
        await self._ready(query)
        known = {(run.job_name, run.run_id): run for runs in self.runs.values() for run in runs.values()}
        running = [run for run in known.values() if run.status is Status.RUNNING]
        failed = [run for run in known.values() if run.status is Status.FAILED]
        answer = queries.RunTotals(
            position=self.position,
            running=len(running),
            failed=sum(run_id_at(run.ended_at) >= query.failed_since for run in failed if run.ended_at),
            begun=sum(_has_begun(known, key) for key in query.waiting),
            longest_running=[
                msgspec.structs.replace(run, arguments=run.arguments and run.arguments[:200])
                for run in sorted(running, key=lambda run: (run.run_id, run.job_name))[:100]
            ],
        )
        return encode(answer)

    async def page(self, data: bytes) -> bytes:
        query = _decode(data, queries.RunsQuery)
        await self._ready(query)
        if query.before is None:
            await self._find([query.job_name], self.runs)
        known = self.runs.get(query.job_name, {}).values()
        runs = [run for run in known if query.before is None or run.run_id < query.before]
        newest = sorted(runs, key=lambda run: run.run_id, reverse=True)
        return encode(queries.Runs(position=self.position, runs=newest[: query.limit]))

    async def all_runs(self, data: bytes) -> bytes:
        query = _decode(data, queries.AllRunsQuery)
        await self._ready(query)
        known = {(run.job_name, run.run_id): run for runs in self.runs.values() for run in runs.values()}
        wanted = RunFilter(
            statuses=frozenset(query.statuses),
            job_names=frozenset(query.job_names),
            triggers=frozenset(query.triggers),
            instances=frozenset(query.instances),
            since=query.since,
            until=query.until,
            before=query.before,
        )
        runs = wanted.newest(known.values(), query.limit + 1)
        answer = queries.AllRuns(
            position=self.position,
            runs=runs[: query.limit],
            has_more=len(runs) > query.limit,
            begun=[place for place, key in enumerate(query.waiting) if key in known],
            retried=[
                run
                for run in known.values()
                if run.job_name in query.queued
                and run.next_run_id is not None
                and (run.job_name, run.next_run_id) not in known
            ],
        )
        return encode(answer)

    async def run(self, data: bytes) -> bytes:
        query = _decode(data, queries.RunQuery)
        await self._ready(query)
        await self._find([query.run_id], self.runs.get(query.job_name, {}))
        run = self.runs.get(query.job_name, {}).get(query.run_id)
        return encode(queries.FoundRun(position=self.position, run=run))

    async def status(self, data: bytes) -> bytes:
        query = _decode(data, queries.StatusesQuery)
        await self._ready(query)
        if not query.may_lack:
            await self._find(query.job_names or (), self._statuses())
        jobs = [
            queries.JobStatus(job_name=JobName(name), instances=instances)
            for name, instances in sorted(self._statuses().items())
            if query.job_names is None or name in query.job_names
        ]
        return encode(queries.Statuses(position=self.position, jobs=jobs))

    async def acknowledgements(self, data: bytes) -> bytes:
        query = _decode(data, queries.AcknowledgementsQuery)
        await self._ready(query)
        rows = sorted(
            self._fold.acknowledgements_to_put, key=lambda row: (row.job_type, row.job_name, row.kind)
        )
        answer = queries.Acknowledgements(position=self.position, acknowledgements=rows, has_more=False)
        return encode(answer)

    async def deployments(self, data: bytes) -> bytes:
        query = _decode(data, queries.DeploymentsQuery)
        await self._ready(query)
        if query.id is not None:
            await self._find([query.id], [row.id for row in self._fold.deployments_to_put])
        rows = [
            row
            for row in sorted(self._fold.deployments_to_put, key=lambda row: row.id, reverse=True)
            if (query.id is None or row.id == query.id)
            and (query.job_name is None or (row.job_type, row.job_name) == (query.job_type, query.job_name))
            and (query.before is None or row.id < query.before)
        ]
        page = rows[: query.limit]
        answer = queries.Deployments(position=self.position, deployments=page, has_more=len(rows) > len(page))
        return encode(answer)

    def _statuses(self) -> dict[str, list[queries.InstanceView]]:
        found: dict[str, list[queries.InstanceView]] = {}
        for row in sorted(self._fold.instances_to_put, key=lambda row: row.instance):
            facts = {name: getattr(row, name) for name in queries.InstanceView.__struct_fields__}
            found.setdefault(row.job_name, []).append(queries.InstanceView(**facts))
        return found | self.statuses

    def tell(self, job_name: str, **statuses: Status) -> None:
        """Let instances have these statuses; names of instances as keywords, with a leading `i`."""
        self.statuses[job_name] = [
            queries.InstanceView(
                instance=name.removeprefix("i"), status=status, since=datetime.now(UTC), digest="d1"
            )
            for name, status in statuses.items()
        ]


def _summary(job: JobRow, latest: queries.RunView) -> queries.JobSummary:
    statistics = {name: getattr(job, name) for name in JobStatistics.__struct_fields__}
    statistics["durations"] = job.durations[-20:]
    return queries.JobSummary(job_name=job.job_name, latest=latest, run_count=job.run_count, **statistics)


def _has_begun(known: dict[queries.RunKey, queries.RunView], key: queries.RunKey) -> bool:
    """Whether the last known attempt of a run runs or is over, and none follows."""
    run = known.get(key)
    while run is not None and run.next_run_id is not None:
        run = known.get((run.job_name, run.next_run_id))
    return run is not None and run.status is not Status.INITIALIZING


def _decode(data: bytes, query_type: type[Q]) -> Q:
    try:
        return msgspec.json.decode(data, type=query_type)
    except MALFORMED as error:
        raise QueryRefused(400, str(error)) from error


async def no_such_file(_question: bytes) -> bytes:
    return files.encode(files.Refused(fault=files.Fault.NOT_FOUND, message="There is no such file."))


@asynccontextmanager
async def run_fake_backend(bus: Bus, folder: Path) -> AsyncIterator[FakeBackend]:
    """Run it beside the body."""
    backend = FakeBackend(bus, folder)
    for permission in (backend.may_project, backend.may_take_runs, backend.may_take_job_commands):
        permission.set()
    tasks: set[asyncio.Task[None]] = set()

    def begin(work: Any) -> None:
        tasks.add(asyncio.create_task(work))

    for durable, filters, take in (
        ("runs", bus.subjects.run_commands, backend.take_run),
        ("jobs", bus.subjects.job_commands(JOB_VERBS), backend.take_job_command),
    ):
        queue = bus.work_queue(
            durable=durable,
            filters=filters,
            room=lambda: 16,
            on_message=lambda message, take=take: begin(take(message)),
        )
        begin(queue.run())
    begin(backend.project())
    endpoints = {
        queries.LATEST_RUNS: backend.latest_runs,
        queries.JOB_SUMMARIES: backend.job_summaries,
        queries.RUN_TOTALS: backend.run_totals,
        queries.RUNS: backend.page,
        queries.ALL_RUNS: backend.all_runs,
        queries.RUN: backend.run,
        queries.STATUSES: backend.status,
        queries.ACKNOWLEDGEMENTS: backend.acknowledgements,
        queries.DEPLOYMENTS: backend.deployments,
    }
    try:
        # No files at all: those of a real runner are tested in integration/files.
        nothing = {operation: no_such_file for operation in ("look", "delete")}
        async with bus.serve("stand-in", "1.0.0", endpoints), bus.serve_files(INSTANCE, nothing):
            await backend.beat()
            yield backend
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
