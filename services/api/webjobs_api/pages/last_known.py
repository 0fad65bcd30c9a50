"""The last known content of lists, which pages show while a part of webjobs is away."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from webjobs_events.errors import BusUnavailable, NoResponders
from webjobs_rules.errors import WebJobsError

from webjobs_api.http.error_responses import status_of
from webjobs_api.pages.fault_words import away
from webjobs_api.pages.frame import SEQUENCE, Page, show, without_regions

_KEPT = 20  # addresses
_AWAY = 503


@dataclass(frozen=True, slots=True)
class Kept:
    """What an address showed, when, and up to where in the stream of events that goes."""

    view: Mapping[str, Any]
    at: datetime
    sequence: int | None


class LastKnown:
    """What each address showed last, in this process; the addresses used last are kept."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, Kept] = OrderedDict()

    def keep(self, address: str, view: Mapping[str, Any], sequence: int | None) -> None:
        """Keep what an address shows now."""
        self._views[address] = Kept(view, datetime.now(UTC), sequence)
        self._views.move_to_end(address)
        while len(self._views) > _KEPT:
            self._views.popitem(last=False)

    def of(self, address: str) -> Kept | None:
        """What an address showed last; None when it was not kept."""
        return self._views.get(address)


def show_current(request: web.Request, page: Page, view: Mapping[str, Any]) -> web.Response:
    """Send a page, and keep what it shows for when a part is away."""
    request.app[LAST_KNOWN].keep(without_regions(request), view, request.get(SEQUENCE))
    return show(request, page, view)


def show_last_known(request: web.Request, page: Page, fault: WebJobsError) -> web.Response | None:
    """The page as it was last shown, greyed, with its age; None when nothing is kept or no part is away."""
    known = request.app[LAST_KNOWN].of(without_regions(request))
    if known is None or status_of(fault) != _AWAY:
        return None
    if known.sequence is not None:
        request[SEQUENCE] = known.sequence  # from there on the page follows when the part is back
    is_nats = isinstance(fault, BusUnavailable) and not isinstance(fault, NoResponders)
    note = away("NATS" if is_nats else "History", known.at)
    return show(request, page, {**known.view, "stale": note}, fault)


LAST_KNOWN = web.AppKey("last_known", LastKnown)
