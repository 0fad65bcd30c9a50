"""Application keys of what belongs to no feature; each feature declares its own."""

from aiohttp import web
from webjobs_events.jetstream import Bus, LiveSettings
from webjobs_service.route_spelling import RouteSpelling

from webjobs_api.http.http_settings import HttpSettings

BUS = web.AppKey("bus", Bus)
LIVE_SETTINGS = web.AppKey("live_settings", LiveSettings)
SETTINGS = web.AppKey("settings", HttpSettings)
SPELLING = web.AppKey("spelling", RouteSpelling)
