"""Handlers for app settings: a client that changes them here reads the change here at once."""

import asyncio
from collections.abc import Mapping

import structlog
from aiohttp import web
from webjobs_events.jetstream import LiveSettings
from webjobs_rules.app_settings import (
    MAX_SETTINGS,
    MAX_TOTAL_BYTES,
    UNDERSTOOD,
    check_name,
    check_value,
    is_credential,
)

from webjobs_api.app_settings.errors import AppSettingNotFound, AppSettingsTooLarge, TooManyAppSettings
from webjobs_api.app_settings.requests import app_settings_of
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS, LIVE_SETTINGS

log = structlog.stdlib.get_logger(__name__)

_SETTLE_TIMEOUT = 5.0  # seconds


async def get_all(request: web.Request) -> web.Response:
    """`GET /api/settings`: those of the bucket, and those in the environment that webjobs itself obeys."""
    return request_context.json(dict(sorted(_shown(request.app[LIVE_SETTINGS]).items())))


async def get_one(request: web.Request) -> web.Response:
    """`GET /api/settings/{key}`: its value, as a JSON string."""
    name = request.match_info["key"]
    value = _shown(request.app[LIVE_SETTINGS]).get(name)
    if value is None:
        raise AppSettingNotFound(name)
    return request_context.json(value)


async def change(request: web.Request) -> web.Response:
    """`POST /api/settings`: sets every setting of the body, or, when one of them cannot be, none."""
    await set_all(request.app, app_settings_of(await request_context.read_body(request)))
    return web.Response(status=204)


async def set_all(app: web.Application, changes: Mapping[str, str]) -> None:
    """Set every one of these settings or, when one of them cannot be, none.

    Raises:
        InvalidAppSetting: One of them cannot be set.
        TooManyAppSettings: There would be too many.
        AppSettingsTooLarge: All together would be too large.
        BusUnavailable: NATS does not answer.
    """
    live = app[LIVE_SETTINGS]
    if len(live.stored().keys() | changes.keys()) > MAX_SETTINGS:
        raise TooManyAppSettings(MAX_SETTINGS)
    for name, value in changes.items():
        check_name(name)
        check_value(name, value)
    size = sum(len(f"{name}{value}".encode()) for name, value in {**live.stored(), **changes}.items())
    if size > MAX_TOTAL_BYTES:
        raise AppSettingsTooLarge(MAX_TOTAL_BYTES)
    bucket = app[BUS].settings
    written = await asyncio.gather(*(bucket.put(name, value.encode()) for name, value in changes.items()))
    await _settled(live, max(written, default=0))


async def delete(request: web.Request) -> web.Response:
    """`DELETE /api/settings/{key}`: back to the environment's value, or none. One that is not set is fine."""
    await remove(request.app, request.match_info["key"])
    return web.Response(status=204)


async def remove(app: web.Application, name: str) -> None:
    """Take a setting out of the bucket; one that is not there is fine.

    Raises:
        InvalidAppSetting: No setting can have this name.
        BusUnavailable: NATS does not answer.
    """
    check_name(name)
    bucket = app[BUS].settings
    if await bucket.get(name) is not None:
        await _settled(app[LIVE_SETTINGS], await bucket.delete(name))


def _shown(live: LiveSettings) -> dict[str, str]:
    """The settings that every client with access may see."""
    obeyed = {name: value for name in UNDERSTOOD if (value := live.get(name)) is not None}
    settings = {**obeyed, **live.stored()}
    return {name: value for name, value in settings.items() if not is_credential(name)}


async def _settled(live: LiveSettings, revision: int) -> None:
    try:
        async with asyncio.timeout(_SETTLE_TIMEOUT):
            await live.reached(revision)
    except TimeoutError:
        log.warning("the mirror of settings lags", revision=revision)
