"""Deployments of jobs: ended ones as history has them, the others from the queue and their logs."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from aiohttp import web
from webjobs_events.commands import DeployJob, ReplyCode, decode_command
from webjobs_events.deployment_id import (
    STAGE_HEADER,
    deployment_id_of,
    is_deployment_id,
    reply_in,
    requested_at_of,
)
from webjobs_events.errors import UndecodableMessage
from webjobs_events.jetstream import Bus
from webjobs_events.queries import DeploymentsQuery, DeploymentView
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.history import History
from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment, end_in_log

log = structlog.stdlib.get_logger(__name__)


class JobDeployments:
    """Every method raises `BusUnavailable` without NATS, and what `History` raises."""

    def __init__(self, bus: Bus, history: History) -> None:
        self._bus = bus
        self._history = history

    async def find(self, deployment_id: str) -> JobDeployment | None:
        """One deployment; None when there is none.

        The command leaves the queue only after the event about its end was written, so a deployment that is
        in neither has just ended, or its runner was lost with all it had written.
        """
        if not is_deployment_id(deployment_id):
            return None
        if (ended := await self._ended(deployment_id)) is not None:
            return ended
        for waiting in await self._waiting():
            if waiting.id == deployment_id:
                return waiting
        return await self._ended(deployment_id) or await self._in_log(deployment_id)

    async def page(
        self,
        job: tuple[JobType, JobName] | None = None,
        *,
        before: str | None = None,
        limit: int = 50,
    ) -> tuple[list[JobDeployment], bool]:
        """Deployments of all jobs or of one, newest first, and whether there are more after them.

        Args:
            job: Type and name of the job; None: of every job.
            before: Only those whose id sorts before this text; None: from the newest on.
            limit: At most this many.
        """
        waiting = await self._waiting()
        query = DeploymentsQuery(before=before, limit=limit)
        if job is not None:
            query = DeploymentsQuery(job_type=job[0], job_name=job[1], before=before, limit=limit)
        found = await self._history.deployments(query)
        ended = [_of_row(row) for row in found.deployments]
        known = {each.id for each in ended}
        more = [
            each
            for each in waiting
            if each.id not in known
            and (before is None or each.id < before)
            and (job is None or (each.job_type, each.job_name) == job)
            and not (found.has_more and ended and each.id < ended[-1].id)
        ]
        both = sorted([*ended, *more], key=lambda each: each.id, reverse=True)
        shown = await asyncio.gather(*(self._with_stage(each) for each in both[:limit]))
        return shown, found.has_more or len(both) > limit

    async def _ended(self, deployment_id: str) -> JobDeployment | None:
        found = (await self._history.deployments(DeploymentsQuery(id=deployment_id))).deployments
        return await self._with_stage(_of_row(found[0])) if found else None

    async def _with_stage(self, ended: JobDeployment) -> JobDeployment:
        """A failed deployment with the stage in which it failed: the last one that its log names."""
        if ended.state is not DeploymentState.FAILED:
            return ended
        subject = self._bus.subjects.deployment_log(ended.job_type, ended.job_name, ended.id)
        last = await self._bus.last_message(self._bus.subjects.logs_stream, subject)
        return ended if last is None else replace(ended, stage=last.headers.get(STAGE_HEADER, ""))

    async def in_progress(self, job_type: JobType, job_name: JobName) -> JobDeployment | None:
        """The deployment of a job whose command is in the queue, where there is room for one."""
        subject = self._bus.subjects.command(job_type, job_name, DeployJob.verb)
        return next(iter(await self._waiting(subject)), None)

    async def _waiting(self, pattern: str | None = None) -> list[JobDeployment]:
        """Deployments whose command is in the queue; `pattern` of its subject leaves others out."""
        pattern = pattern or self._bus.subjects.job_commands((DeployJob.verb,))[0]
        found = list[JobDeployment]()
        for message in await self._bus.pending_commands(pattern):
            try:
                command = decode_command(message.subject, message.data, message.headers)
            except UndecodableMessage as error:
                log.debug("command in the queue cannot be read", error=str(error))
                continue
            deployment_id = deployment_id_of(command.command_id)
            if deployment_id is None:
                continue
            subject = self._bus.subjects.deployment_log(command.job_type, command.job_name, deployment_id)
            last = await self._bus.last_message(self._bus.subjects.logs_stream, subject)
            state = DeploymentState.QUEUED if last is None else DeploymentState.PREPARING
            found.append(
                JobDeployment(
                    id=deployment_id,
                    job_type=command.job_type,
                    job_name=command.job_name,
                    requested_at=requested_at_of(deployment_id),
                    requested_by=command.requested_by,
                    state=state,
                    stage="" if last is None else last.headers.get(STAGE_HEADER, ""),
                )
            )
        return found

    async def _in_log(self, deployment_id: str) -> JobDeployment | None:
        """A deployment of which there is only a log: it ends just now, or was lost."""
        stream, pattern = self._bus.subjects.logs_stream, self._bus.subjects.any_deployment_log(deployment_id)
        first, _ = await self._bus.messages_from(stream, pattern, count=1)
        if not first:
            return None
        last = await self._bus.last_message(stream, first[0].subject) or first[0]
        written_at = last.stored_at
        job_type, job_name, _ = Subjects.parse_deployment_log(last.subject)
        end = end_in_log(reply_in(last.headers), datetime.now(UTC) - written_at)
        return JobDeployment(
            id=deployment_id,
            job_type=job_type,
            job_name=job_name,
            requested_at=requested_at_of(deployment_id),
            requested_by="",
            state=end.state,
            stage=last.headers.get(STAGE_HEADER, ""),
            ended_at=None if end.state is DeploymentState.PREPARING else written_at,
            code=end.code,
            text=end.text,
        )


def _of_row(row: DeploymentView) -> JobDeployment:
    is_done = row.code == ReplyCode.DONE
    return JobDeployment(
        id=row.id,
        job_type=row.job_type,
        job_name=JobName(row.job_name),
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        state=DeploymentState.DEPLOYED if is_done else DeploymentState.FAILED,
        stage="done" if is_done else "",
        ended_at=row.ended_at,
        code=_code(row.code),
        text=row.text,
        digest=row.digest,
        script=row.script,
        warnings=tuple(row.warnings),
    )


def _code(text: str) -> ReplyCode:
    try:
        return ReplyCode(text)
    except ValueError:  # of a newer release
        return ReplyCode.FAILED


JOB_DEPLOYMENTS = web.AppKey("job_deployments", JobDeployments)
