"""Removes from this runner's disk what retention or a deletion has removed from history."""

import asyncio
import shutil
from pathlib import Path

from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Deleted, Event, Purged
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType
from webjobs_events.run_id import RunId, run_id_at

from webjobs_runner.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.site import Site


class Retention:
    """Follows the events that take runs away; how far is kept on disk, so that none is missed."""

    def __init__(self, bus: Bus, site: Site, definitions: Definitions, position: Path) -> None:
        self._bus = bus
        self._site = site
        self._definitions = definitions
        self._position = position

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
        async for batch in reader.batches():
            for message in batch:
                try:
                    event = decode_event(message.subject, message.headers, message.data)
                except UndecodableMessage as error:
                    logger.warning("event passed over", error=str(error))
                    continue
                await asyncio.to_thread(self._remove, event)
            self._position.write_text(str(batch[-1].sequence))

    async def _start(self) -> int:
        """After what was done before; a runner that is new here has nothing to remove yet."""
        try:
            return int(self._position.read_text()) + 1
        except (FileNotFoundError, ValueError):
            last = await self._bus.last_sequence(self._bus.subjects.events_stream)
            self._position.write_text(str(last))
            return last + 1

    def _remove(self, event: Event) -> None:
        if isinstance(event, Purged):
            for run_id in event.run_ids:
                self._remove_folder(self._site.run_folder(event.job_name, run_id))
        elif isinstance(event, Deleted):
            self._remove_data(event)

    def _remove_data(self, event: Deleted) -> None:
        folder = self._site.data_folder(event.job_type, event.job_name)
        if self._definitions.get(event.job_type, event.job_name) is None:
            self._remove_folder(folder)
            self._remove_folder(
                self._site.logs_folder / "Application" / event.job_type.value / event.job_name
            )
            return
        # Deployed anew meanwhile: only what is older than the deletion goes.
        deleted_at = run_id_at(event.at)
        for run in folder.iterdir() if folder.is_dir() else ():
            if run.name.isdigit() and RunId(run.name) < deleted_at:
                self._remove_folder(run)

    def _remove_folder(self, folder: Path) -> None:
        shutil.rmtree(self._site.inside(folder), ignore_errors=True)
