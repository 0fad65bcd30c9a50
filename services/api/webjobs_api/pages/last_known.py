"""What pages showed last, for while a part of webjobs is away."""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from webjobs_api.pages.page import Page

_KEPT = 10  # addresses of each kind of page; one with a log may hold a megabyte


@dataclass(frozen=True, slots=True)
class Address:
    """What names the content of a page: viewers are shown less than others at the same address."""

    address: str
    is_viewer: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What an address showed, when, and up to where in the stream of events that goes."""

    page: Page
    view: Mapping[str, Any]
    at: datetime
    sequence: int | None


class LastKnown:
    """What each address showed last, in this process; of each kind of page those used last are kept."""

    def __init__(self) -> None:
        self._kept: dict[str, OrderedDict[Address, Kept]] = defaultdict(OrderedDict)

    def keep(self, address: Address, page: Page, view: Mapping[str, Any], sequence: int | None) -> None:
        """Keep what an address shows now."""
        kept = self._kept[page.template]
        kept[address] = Kept(page, view, datetime.now(UTC), sequence)
        kept.move_to_end(address)
        if len(kept) > _KEPT:
            kept.popitem(last=False)

    def of(self, address: Address) -> Kept | None:
        """What an address showed last; None when it was not kept."""
        return next((kept[address] for kept in self._kept.values() if address in kept), None)


LAST_KNOWN = web.AppKey("last_known", LastKnown)
