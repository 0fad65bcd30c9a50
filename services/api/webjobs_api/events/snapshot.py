"""Reads that include everything up to a place in the stream of events, so that one can go on from there."""

from aiohttp import web
from aiohttp.typedefs import Handler

from webjobs_api.backends.event_filter import sequence_of
from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http.keys import BUS
from webjobs_api.http.request_errors import InvalidEventFilter

SEQUENCE_HEADER = "Webjobs-Sequence"


@web.middleware
async def snapshot_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """With the header, wait until everything up to that sequence can be shown.

    Raises:
        InvalidEventFilter: The stream has no such sequence.
    """
    wanted = request.headers.get(SEQUENCE_HEADER)
    if wanted is not None and request.method in ("GET", "HEAD"):
        sequence, bus = sequence_of(SEQUENCE_HEADER, wanted), request.app[BUS]
        if sequence > await bus.last_sequence(bus.subjects.events_stream):
            raise InvalidEventFilter(SEQUENCE_HEADER, wanted, "the stream of events has not come to it")
        # A definition is changed before its event is published.
        await request.app[DEFINITIONS].caught_up()
        request.app[HISTORY].caused(sequence)
    return await handler(request)
