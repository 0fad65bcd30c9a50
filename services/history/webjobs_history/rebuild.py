"""Drops the projection and folds the events again, unless the stream cannot bring back what that deletes."""

import asyncio

import structlog
from webjobs_events.jetstream import Bus, StreamState, stream_state
from webjobs_service.lifetime import side_tasks

from webjobs_history import store
from webjobs_history.database import TROUBLES, Session, describe, open_session
from webjobs_history.errors import RebuildRefused
from webjobs_history.migrations.migrate import drop_tables, migrate
from webjobs_history.progress import Progress
from webjobs_history.projector import Projector
from webjobs_history.rebuild_options import ACCEPT_NEW_STREAM, FORCE, RebuildOptions

log = structlog.stdlib.get_logger(__name__)

_POLL = 0.1  # seconds between looks at how far a rebuild is


async def rebuild_projection(bus: Bus, database_url: str, options: RebuildOptions) -> None:
    """Rebuild, and return when the rows are complete again.

    A replica that projects meanwhile starts over and does the work; without one it is done here. Until the
    end queries are refused rather than answered from half of the rows.

    Raises:
        RebuildRefused: The stream cannot bring back everything; nothing was changed.
        DatabaseTooNew: A newer release has made the tables.
    """
    stream = bus.subjects.events_stream
    state = await stream_state(bus, stream)
    _refuse_gaps(stream, state, options)
    async with open_session(database_url, "rebuild") as session:
        if not options.recreate_tables:
            await migrate(session)
        await _refuse_losses(bus, session, state, options)
        if options.recreate_tables:
            await drop_tables(session)
            await migrate(session)
        await session.run(store.reset, stream, state.created_at, state.first - 1, state.last)
        log.info("rebuilding", events=state.last - state.first + 1 - state.missing)
        async with side_tasks(projector=Projector(bus, database_url, Progress()).run()):
            while not await session.run(store.is_complete):  # noqa: ASYNC110
                await asyncio.sleep(_POLL)
        log.info("rebuilt", until=state.last)


def _refuse_gaps(stream: str, state: StreamState, options: RebuildOptions) -> None:
    if state.missing and not options.force:
        raise RebuildRefused(f"{state.missing} events are missing in the stream {stream}.", FORCE)


async def _refuse_losses(bus: Bus, session: Session, state: StreamState, options: RebuildOptions) -> None:
    try:
        if not await session.run(store.has_tables) or not await session.run(store.has_rows):
            return
        losses = await session.run(store.losses)
        stored = await session.run(store.load_position)
        if stored is not None:
            now = await Projector(bus, "", Progress()).going_on(session, stored, state)
            losses += [now.loss] if now.loss else []
    except TROUBLES as error:
        log.warning(
            "rows cannot be read; whether the stream has all of them is unknown", error=describe(error)
        )
        return
    if losses and not options.accept_new_stream:
        raise RebuildRefused(" ".join(losses), ACCEPT_NEW_STREAM)
    if state.expired and not options.force:
        raise RebuildRefused(
            f"The limits of {bus.subjects.events_stream} have removed its first {state.expired} events.",
            FORCE,
        )
