"""The log of a deployment: written by the runner that performs it, a moment after each line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

from webjobs_events.commands import CommandReply, DeployJob, ReplyCode
from webjobs_events.deployment_id import (
    ATTEMPT_HEADER,
    DEPLOYMENT_LOG,
    STAGE_HEADER,
    deployment_id_of,
    end_headers,
    next_attempt,
    reply_in,
)
from webjobs_events.errors import MessageTooLarge
from webjobs_events.jetstream import Bus
from webjobs_rules.log_format import Level, LineCount, chunk_headers, decode_chunk, line_mark
from webjobs_service.lifetime import cancel_all

from webjobs_runner.instance import Instance
from webjobs_runner.log import logger

MOST_ATTEMPTS = 20
"""Times that runners begin a deployment which each of them leaves unfinished; then it has failed."""

_PAUSE_SECONDS = 0.2  # that lines are gathered
_RETRY_SECONDS = 1.0
_CLOSING_SECONDS = 5.0
_CHUNK_BYTES = 64 * 1024
_MOST_BYTES = 2 * 1024 * 1024
_UNPACK = "unpack"


class DeploymentLog:
    """The log of one deployment; without a subject it keeps nothing.

    Attributes:
        attempt: How many times a runner has begun this deployment, this time included.
        outcome: How a runner has ended it that died before the command left the queue; None of others.
    """

    def __init__(self, bus: Bus, instance: Instance, subject: str | None) -> None:
        self._bus = bus
        self._outage = bus.connection.outage_of("publishing the log of a deployment")
        self._instance = instance
        self._subject = subject
        self._offset = 0
        self._count = LineCount()
        self._stage = ""
        self._waiting = b""
        self._dropped = False
        self._reply: CommandReply | None = None
        self._wake = asyncio.Event()
        self.attempt = 1
        self.outcome: CommandReply | None = None

    async def begin(self) -> None:
        """Go on behind what another runner has written.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if self._subject is None:
            return
        last = await self._bus.last_message(self._bus.subjects.logs_stream, self._subject)
        if last is not None:
            self.outcome = reply_in(last.headers)
            if self.outcome is not None:
                return
            chunk = decode_chunk(last.headers, last.data)
            self._offset, self._count = chunk.end, (chunk.before or LineCount()).after(chunk.data)
            self.attempt = next_attempt(last.headers)
            self.write(_UNPACK, "The deployment is begun again: the runner that had it did not finish.")

    def write(self, stage: str, text: str, level: Level = "INFO") -> None:
        """Add the lines of a text, in a stage; they are published a moment later."""
        self._stage = stage
        mark = line_mark(datetime.now(UTC), self._instance.id, level)
        lines = b"".join(mark + line.encode(errors="replace") + b"\n" for line in text.splitlines())
        if self._offset + len(self._waiting) + len(lines) > _MOST_BYTES and self._reply is None:
            if self._dropped:
                return
            self._dropped = True
            lines = mark + b"The log is full; what follows is left out.\n"
        self._waiting += lines
        self._wake.set()

    def end(self, reply: CommandReply) -> None:
        """Write how the deployment ended."""
        self._reply = reply
        if reply.code is ReplyCode.DONE:
            self.write("done", "Deployed.")
        else:
            self.write(self._stage or _UNPACK, reply.message, "ERROR")

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
            self._wake.clear()
            await self._publish()

    async def flush(self) -> None:
        """Publish what is left.

        While NATS is away, an end is waited for: it must be known before its event is on its way, or the next
        runner might end the deployment in another way.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self._publish()
                return
            if self._reply is None or self._bus.is_connected:
                return

    async def _publish(self) -> None:
        if self._subject is None:
            self._waiting = b""
        while self._waiting:
            data = self._waiting[:_CHUNK_BYTES]
            is_last = len(data) == len(self._waiting)
            headers = chunk_headers(DEPLOYMENT_LOG, self._offset, self._count) | {
                STAGE_HEADER: self._stage,
                ATTEMPT_HEADER: str(self.attempt),
                **(end_headers(self._reply) if self._reply is not None and is_last else {}),
            }
            publish = partial(self._bus.publish, str(self._subject), data, headers=headers)
            try:  # a chunk that was stored although its try failed is passed over by readers
                await self._outage.retry(publish, delay=_RETRY_SECONDS)
            except MessageTooLarge as error:
                logger.error("log of a deployment not published", error=str(error))
            self._waiting = self._waiting[len(data) :]
            self._offset += len(data)
            self._count = self._count.after(data)


class DeploymentLogs:
    """Opens the logs of deployments."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._instance = instance

    @contextlib.asynccontextmanager
    async def of(self, command: DeployJob) -> AsyncIterator[DeploymentLog]:
        """The log of the deployment that a command performs; afterwards all of it is published.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        deployment_id = deployment_id_of(command.command_id)
        subject = None
        if deployment_id is not None:
            subject = self._bus.subjects.deployment_log(command.job_type, command.job_name, deployment_id)
        log = DeploymentLog(self._bus, self._instance, subject)
        await log.begin()
        publishing = asyncio.create_task(log.run())
        try:
            yield log
        finally:
            await cancel_all(publishing)
            await log.flush()
