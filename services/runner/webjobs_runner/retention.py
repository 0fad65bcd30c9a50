"""Removes from this runner's disk what retention or a deletion has removed from history."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Deleted, Event, Purged
from webjobs_events.jetstream import Bus, Definitions, JobKey, StreamMessage, StreamState, stream_state
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.run_id import RunId, run_id_at

from webjobs_runner.files.site import Site
from webjobs_runner.log import logger

_LOOK_SECONDS = 0.2  # between looks at whether a deleted job's last process is gone


class Retention:
    """Follows the events that take runs away; how far is kept on disk, so that none is missed.

    Args:
        position: The file that remembers how far.
        is_running: Whether anything of a job still runs here: a deleted job's data goes after that.
        discard_log: Removes what this runner keeps for itself of a continuous job's log.
    """

    def __init__(
        self,
        bus: Bus,
        site: Site,
        definitions: Definitions,
        position: Path,
        is_running: Callable[[JobKey], bool],
        discard_log: Callable[[JobName], None],
    ) -> None:
        self._bus = bus
        self._site = site
        self._definitions = definitions
        self._position = position
        self._is_running = is_running
        self._discard_log = discard_log
        self._unfinished: set[int] = set()  # sequences of events that are not carried out yet
        self._seen = 0
        self._created_at = ""  # of the stream that the position is in

    async def run(self) -> None:
        """Follow until cancelled."""
        subjects = self._bus.subjects
        reader = self._bus.read_stream(
            subjects.events_stream,
            [
                subjects.job_event(JobType.TRIGGERED, "*", "Purged"),
                subjects.job_event(JobType.TRIGGERED, "*", "Deleted"),
                subjects.job_event(JobType.CONTINUOUS, "*", "Deleted"),
            ],
            start_sequence=await self._start(),
        )
        reader.on_replaced = self._restart
        async with asyncio.TaskGroup() as group, contextlib.aclosing(reader.batches()) as batches:
            async for batch in batches:
                self._seen = batch[-1].sequence
                self._unfinished.update(message.sequence for message in batch)
                for message in batch:
                    # Each by itself: a job that takes long to end must not hold up the others.
                    group.create_task(self._carry_out(message))

    async def _carry_out(self, message: StreamMessage) -> None:
        try:
            event = decode_event(message.subject, message.headers, message.data)
            if isinstance(event, Deleted):
                await self._definitions.reached(event.revision)  # a definition seen then was written later
                await self._until_nothing_runs(event)
                if event.job_type is JobType.CONTINUOUS and not self._is_defined(event):
                    self._discard_log(event.job_name)
            await asyncio.to_thread(self._remove, event)
        except UndecodableMessage as error:
            logger.warning("event passed over", error=str(error))
        except Exception:
            logger.exception("what an event removes was not removed", sequence=message.sequence)
        self._unfinished.discard(message.sequence)
        reached = min(self._unfinished) - 1 if self._unfinished else self._seen
        if self._created_at:
            self._note(reached)

    async def _until_nothing_runs(self, event: Deleted) -> None:
        key = (event.job_type, event.job_name)
        while self._is_running(key) and not self._is_defined(event):  # noqa: ASYNC110  # rare, and alone
            await asyncio.sleep(_LOOK_SECONDS)

    def _note(self, reached: int) -> None:
        try:
            self._position.write_text(f"{reached} {self._created_at}")
        except OSError as error:
            logger.error("position of retention not noted", error=str(error))

    async def _start(self) -> int:
        """After what was done before; a runner that is new here has nothing to remove yet.

        In a stream that is not the one known, or has lost what was seen of it, everything is new.
        """
        state = await self._state()
        self._created_at = state.created_at.isoformat()
        try:
            sequence, _, created_at = self._position.read_text().partition(" ")
            reached = int(sequence)
        except (OSError, ValueError):
            self._note(state.last)
            return state.last + 1
        is_known = created_at in ("", self._created_at) and reached <= state.last
        return reached + 1 if is_known else 1

    def _restart(self) -> None:
        """The stream was replaced by another one: sequences of before mean nothing in it."""
        created_at = self._bus.streams.created_at(self._bus.subjects.events_stream)
        self._created_at = created_at.isoformat() if created_at else ""
        self._unfinished = set()
        self._seen = 0

    async def _state(self) -> StreamState:
        outage = self._bus.connection.outage_of("retention")
        return await outage.retry(partial(stream_state, self._bus, self._bus.subjects.events_stream))

    def _is_defined(self, event: Deleted) -> bool:
        return self._definitions.get(event.job_type, event.job_name) is not None

    def _remove(self, event: Event) -> None:
        if isinstance(event, Purged | Deleted):
            parse_job_name(event.job_name)  # with any other name a path would lead elsewhere
        if isinstance(event, Purged):
            for run_id in event.run_ids:
                self._remove_folder(self._site.run_folder(event.job_name, run_id))
        elif isinstance(event, Deleted):
            self._remove_data(event)

    def _remove_data(self, event: Deleted) -> None:
        folder = self._site.data_folder(event.job_type, event.job_name)
        if not self._is_defined(event):
            self._remove_folder(folder)
            self._remove_folder(self._site.application_logs(event.job_type, event.job_name))
            return
        # Deployed again meanwhile: only what is older than the deletion goes.
        deleted_at = run_id_at(event.at)
        for run in folder.iterdir() if folder.is_dir() else ():
            if run.name.isdigit() and RunId(run.name) < deleted_at:
                self._remove_folder(run)

    def _remove_folder(self, folder: Path) -> None:
        shutil.rmtree(self._site.inside(folder), ignore_errors=True)
