"""What the tab of every page says: `GET /pages/tab`: how much needs attention, and whether anything runs.

The figures are those of the overview, which reads every job. So each api keeps them for a while: a page shows
what is known without asking, and all open pages together lead to one read in a few seconds.
"""

import asyncio
import time
from datetime import UTC, datetime

from aiohttp import web

from webjobs_api.http import request_context
from webjobs_api.http.problems import with_problems
from webjobs_api.overview.read import read_counts
from webjobs_api.pages.tab_state import TabState

_FRESH = 5.0  # seconds
_MOST_SHARE = 20  # a read that takes 1 s is made at most once in 20 s
_SHOWN = 120.0  # seconds after which a page shows no figure rather than an old one

PATH = "/pages/tab"


class Tab:
    """The figures that this process read last."""

    def __init__(self) -> None:
        self._state: TabState | None = None
        self._read_at = 0.0
        self._fresh = _FRESH
        self._reading: asyncio.Future[TabState] | None = None

    @property
    def known(self) -> TabState | None:
        """The figures that a page shows; None when none were read of late."""
        return self._state if time.monotonic() - self._read_at < _SHOWN else None

    def keep(self, state: TabState) -> None:
        """Remember figures that were just read."""
        self._state, self._read_at = state, time.monotonic()

    async def current(self, app: web.Application) -> TabState:
        """The figures, at most some seconds old; many that ask at once share one read.

        Raises:
            BusUnavailable: NATS or history does not answer.
            QueryRefused: History cannot answer.
        """
        if self._state is not None and time.monotonic() - self._read_at < self._fresh:
            return self._state
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read(app))
            self._reading.add_done_callback(self._forget)
        return await asyncio.shield(self._reading)

    async def _read(self, app: web.Application) -> TabState:
        began = time.monotonic()
        counts = await read_counts(app, datetime.now(UTC))
        state = TabState(attention=counts.attention, running=counts.running)
        self.keep(state)
        self._fresh = max(_FRESH, _MOST_SHARE * (time.monotonic() - began))
        return state

    def _forget(self, reading: asyncio.Future[TabState]) -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # retrieved here too: the requests that waited may be gone


TAB = web.AppKey("tab", Tab)


@with_problems
async def get_tab(request: web.Request) -> web.Response:
    """`GET /pages/tab`: the figures that the tab of each page shows."""
    response = request_context.json(await request.app[TAB].current(request.app))
    response.headers["Cache-Control"] = "private, no-store"
    return response
