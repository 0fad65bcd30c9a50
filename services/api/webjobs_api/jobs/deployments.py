"""Uploads on their way to a runner: received into a file, kept in the object store, deployed by command."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, BinaryIO, TypeVar

import structlog
from aiohttp import web
from webjobs_events.commands import CommandReply, DeployJob, ImportRuns
from webjobs_events.jetstream import Bus
from webjobs_service.lifetime import cancel_all

from webjobs_api.http.job_errors import DeploymentGoesOn, JobNotFound
from webjobs_api.http.runner_errors import CommandFailed, CommandUnanswered
from webjobs_api.jobs.commands import JobCommands

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


class Deployments:
    """An async context manager that deploys uploads; none is left in the store, whatever happens."""

    def __init__(self, bus: Bus, commands: JobCommands) -> None:
        self._bus = bus
        self._commands = commands
        self._outage = bus.connection.outage_of("removal of uploads")
        self._going_on: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "Deployments":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await cancel_all(*self._going_on)

    async def deploy(
        self, command: DeployJob | ImportRuns, file: BinaryIO, seconds: float | None = None
    ) -> CommandReply:
        """Store a file as `command.upload`, have the command carried out, close the file, return the reply.

        Once begun this goes on when the client leaves: half a deployment is of no use.

        Raises:
            WebJobsError: As `JobCommands.send`.
        """
        return await asyncio.shield(self._begin(self._deploy(command, file, seconds)))

    async def _deploy(
        self, command: DeployJob | ImportRuns, file: BinaryIO, seconds: float | None
    ) -> CommandReply:
        with file:
            try:
                await self._bus.packages.put(command.upload, file)
                return await self._commands.send(command, seconds)
            except (CommandFailed, CommandUnanswered, DeploymentGoesOn, JobNotFound):
                raise  # a runner has taken the command, or will, and removes the upload itself
            except BaseException:
                self._begin(self._discard(command.upload))
                raise

    async def _discard(self, upload: str) -> None:
        await self._outage.retry(partial(self._bus.packages.delete, upload), upload=upload)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        return task


DEPLOYMENTS = web.AppKey("deployments", Deployments)
