"""What every handler of a live answer needs."""

from dataclasses import dataclass

from aiohttp import web

from webjobs_api.backends.tail import Tails
from webjobs_api.http.terms import LiveTerms


@dataclass(frozen=True, slots=True)
class Live:
    """The tails that are followed, and how their followers are treated."""

    tails: Tails
    terms: LiveTerms


LIVE = web.AppKey("live", Live)
