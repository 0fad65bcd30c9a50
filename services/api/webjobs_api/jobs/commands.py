"""Commands about a job's definition: sent, waited for, and taken back when no runner takes them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec
import structlog
from aiohttp import web
from msgspec.structs import replace
from webjobs_events.commands import (
    JOB_QUEUE,
    CommandReply,
    DeleteJob,
    DeployJob,
    JobCommand,
    ReplyCode,
    StopContinuousJob,
)
from webjobs_events.deployment_id import deploy_command_id, deployment_id_of, reply_in
from webjobs_events.errors import BusUnavailable, CommandRefused
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.history import History
from webjobs_api.backends.known_jobs import KnownJobs
from webjobs_api.backends.runners import Runners
from webjobs_api.backends.storage import Storage
from webjobs_api.http import request_context
from webjobs_api.http.job_errors import DeploymentGoesOn, JobIsBusy, JobNotFound
from webjobs_api.http.runner_errors import CommandFailed, CommandUnanswered, CommandWithdrawn
from webjobs_api.http.tracing import trace_of

C = TypeVar("C", bound=JobCommand)

log = structlog.stdlib.get_logger(__name__)

_decoder = msgspec.json.Decoder(CommandReply)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    turn: float = 10.0
    """For another command of the same job and verb to end."""
    reply: float = 60.0
    """For the runner's reply, or for a runner to take the command; between two looks at the queue."""
    work: float = 3600.0
    """For the reply of a runner that has taken it: a large upload is unpacked, packed and stored."""
    deployment: float = 45.0
    """For the reply to a deployment; it goes on afterwards."""
    last_words: float = 5.0
    """For the reply to a command that could not be taken back, because a runner is done with it."""
    runners_gone: float = 5.0
    """Seconds without any runner before the reply is given up early."""
    no_space: float = 2.0
    """Without room on any runner's disk, before the reply is given up early."""


def command_from(
    request: web.Request, command_type: type[C], job_type: JobType, job_name: JobName, **facts: Any
) -> C:
    """The command about a job that a request asks for; `facts` are the fields that only its type has."""
    trace, now = trace_of(request), datetime.now(UTC)
    if issubclass(command_type, DeployJob):
        command_id = deploy_command_id(now, secrets.token_hex(6))
    else:
        command_id = f"{command_type.verb}/{secrets.token_hex(12)}"
    return command_type(
        command_id=command_id,
        job_type=job_type,
        job_name=job_name,
        requested_at=now,
        requested_by=request_context.trigger(request),
        traceparent=trace.traceparent,
        tracestate=trace.tracestate,
        **facts,
    )


class JobCommands:
    """Sends deploys, deletions, starts, stops and changes of settings, and answers how they ended."""

    def __init__(
        self,
        bus: Bus,
        definitions: KnownJobs,
        runners: Runners,
        storage: Storage,
        history: History,
        patience: Patience | None = None,
    ) -> None:
        self._bus = bus
        self._definitions = definitions
        self._runners = runners
        self._storage = storage
        self._history = history
        self._patience = patience or Patience()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, command: JobCommand, seconds: float | None = None) -> CommandReply:
        """Have a command carried out, and return the reply; every later read of this api shows its effect.

        Args:
            command: What to do.
            seconds: How long a deployment is waited for at most; None: as long as any.

        Raises:
            DeploymentGoesOn: A deployment takes longer; its runner goes on.
            NoSpaceLeft: No runner has room on its disk; nothing was sent, or it was taken back.
            NoRunnerAlive: No runner would carry it out; nothing was sent.
            JobIsBusy: Another command of this verb for this job took too long; nothing was sent.
            CommandWithdrawn: No runner took it in time; it was taken back.
            CommandUnanswered: A runner took it, and it is not known how it ended.
            JobNotFound: A runner answered so.
            CommandFailed: A runner answered with another fault.
            BusUnavailable: NATS does not answer; nothing was sent, as far as known.
        """
        if not isinstance(command, DeleteJob | StopContinuousJob):  # these help when a disk is full
            self._storage.require_room()
        await self._runners.require_one()
        async with self._turn(command):
            reply = await self._send_and_wait(command, seconds)
        if reply.code is ReplyCode.JOB_NOT_FOUND:
            raise JobNotFound(command.job_type, command.job_name)
        if reply.code is not ReplyCode.DONE:
            raise CommandFailed(reply.code, reply.message)
        await self._definitions.settled(command.job_type, command.job_name, reply.revision)
        await self._note_events()
        return reply

    @asynccontextmanager
    async def _turn(self, command: JobCommand) -> AsyncIterator[None]:
        """Wait for earlier commands of this api that need the same subject: first come, first served.

        Raises:
            JobIsBusy: They took too long.
        """
        subject = command.subject(self._bus.subjects)
        lock = self._turns.setdefault(subject, asyncio.Lock())
        try:
            async with asyncio.timeout(self._patience.turn):
                await lock.acquire()
        except TimeoutError as error:
            raise JobIsBusy(command.job_name, command.verb) from error
        try:
            yield
        finally:
            lock.release()

    async def _send_and_wait(self, command: JobCommand, seconds: float | None) -> CommandReply:
        answer: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()

        def on_reply(data: bytes) -> None:
            if not answer.done():
                answer.set_result(_decoder.decode(data))

        async with self._bus.await_replies(on_reply) as inbox:
            sequence = await self._publish(replace(command, reply_to=inbox))
            try:
                return await self._answer(command, sequence, answer, seconds)
            except BusUnavailable as error:
                # From here on the command is in the queue: its sender must not take it for unsent.
                log.warning("reply not awaited", command=command.command_id, error=str(error))
                raise CommandUnanswered(command.job_name, command.verb) from error

    async def _publish(self, command: JobCommand) -> int:
        loop = asyncio.get_running_loop()
        give_up_at, delay = loop.time() + self._patience.turn, 0.02
        while True:
            try:
                return await self._bus.publish_command(command)
            except CommandRefused as error:
                if loop.time() > give_up_at:
                    raise JobIsBusy(command.job_name, command.verb) from error
            await asyncio.sleep(delay)
            delay = min(delay * 1.5, 0.25)

    async def _answer(
        self,
        command: JobCommand,
        sequence: int,
        answer: asyncio.Future[CommandReply],
        seconds: float | None,
    ) -> CommandReply:
        is_deployment = isinstance(command, DeployJob)
        if isinstance(command, DeployJob) and seconds == 0 and self._can_work_go_on:
            raise DeploymentGoesOn(command)
        patience = self._patience.deployment if is_deployment else self._patience.reply
        if await self._replied(answer, patience if seconds is None else min(seconds, patience)):
            return answer.result()
        if isinstance(command, DeployJob) and self._can_work_go_on:
            if await self._is_waiting(command, sequence):
                raise DeploymentGoesOn(command)
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience.work
        while await self._is_taken(command, sequence):
            if (left := give_up_at - loop.time()) <= 0:  # taken back it would be carried out all the same
                return await self._read_outcome(command)
            if await self._replied(answer, min(left, self._patience.reply)):
                return answer.result()
        if await self._bus.withdraw_command(sequence):
            self._storage.require_room()
            raise CommandWithdrawn(command.job_name, command.verb)
        if await self._replied(answer, self._patience.last_words):
            return answer.result()
        return await self._read_outcome(command)

    @property
    def _can_work_go_on(self) -> bool:
        """Whether a runner is there, and NATS has room for what it would write."""
        return self._runners.any_alive and not self._storage.shortage

    async def _is_taken(self, command: JobCommand, sequence: int) -> bool:
        """Whether it is worth waiting on: a runner works on it, and nothing speaks against its end.

        A command that is not in the queue any more is done, and its reply was lost.
        """
        return (
            self._can_work_go_on
            and await self._is_waiting(command, sequence)
            and await self._bus.is_command_taken(JOB_QUEUE, sequence)
        )

    async def _is_waiting(self, command: JobCommand, sequence: int) -> bool:
        waiting = await self._bus.pending_command(command.subject(self._bus.subjects))
        return waiting is not None and waiting.sequence == sequence

    async def _replied(self, answer: asyncio.Future[CommandReply], seconds: float) -> bool:
        """Whether the reply came in time; without a runner there is no use in waiting long."""
        loop = asyncio.get_running_loop()
        give_up_at, seen_at, had_room_at = loop.time() + seconds, loop.time(), loop.time()
        while not answer.done() and loop.time() < give_up_at:
            if not self._storage.shortage:
                had_room_at = loop.time()
            elif loop.time() - had_room_at > self._patience.no_space:
                return False
            if self._runners.any_alive:
                seen_at = loop.time()
            elif loop.time() - seen_at > self._patience.runners_gone:
                return False
            await asyncio.wait({answer}, timeout=min(0.5, max(0.0, give_up_at - loop.time())))
        return answer.done()

    async def _read_outcome(self, command: JobCommand) -> CommandReply:
        """How a command ended whose reply was lost, as far as definition or log of the deployment show it."""
        definition = await self._definitions.read(command.job_type, command.job_name)
        if isinstance(command, DeleteJob) and definition is None:
            return CommandReply(code=ReplyCode.DONE)
        if definition is not None and definition.cause == command.command_id:
            revision = await self._definitions.revision(command.job_type, command.job_name)
            return CommandReply(code=ReplyCode.DONE, revision=revision)
        if isinstance(command, DeployJob) and (reply := await self._reply_in_log(command)) is not None:
            return reply
        raise CommandUnanswered(command.job_name, command.verb)

    async def _reply_in_log(self, command: DeployJob) -> CommandReply | None:
        deployment_id = deployment_id_of(command.command_id)
        if deployment_id is None:
            return None
        subjects = self._bus.subjects
        subject = subjects.deployment_log(command.job_type, command.job_name, deployment_id)
        last = await self._bus.last_message(subjects.logs_stream, subject)
        return reply_in(last.headers) if last is not None else None

    async def _note_events(self) -> None:
        """Later reads include the events that the command caused."""
        try:
            self._history.caused(await self._bus.last_sequence(self._bus.subjects.events_stream))
        except BusUnavailable as error:
            log.warning("reads may lag behind a command", error=str(error))


COMMANDS = web.AppKey("commands", JobCommands)
