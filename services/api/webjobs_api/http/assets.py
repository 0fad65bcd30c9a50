"""`GET /assets/…`: the stylesheet and the scripts of pages, under names that change with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aiohttp import web
from webjobs_rules.errors import WebJobsError

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


class AssetNotFound(WebJobsError):
    """Pages have no file of this name, or one of another version had."""

    http_status = 404

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(f"There is no file {file_name[:200]!r} of pages here. Load the page again.")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load: its bytes, and its media type."""

    body: bytes
    content_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every asset by the name in its address, such as `style.3f2a1b9c.css`."""
    return {_address_name(name): Asset(body, _TYPES[_ending(name)]) for name, body in _read().items()}


@cache
def asset_path(name: str) -> str:
    """Path below the root of this api of an asset such as `style.css`."""
    return f"/assets/{_address_name(name)}"


async def get_asset(request: web.Request) -> web.Response:
    """`GET /assets/{file}`: may be kept for ever.

    Raises:
        AssetNotFound: There is none; a page of another version asks for it, perhaps.
    """
    asset = assets().get(request.match_info["file"])
    if asset is None:
        raise AssetNotFound(request.match_info["file"])
    headers = {"Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)


def _address_name(name: str) -> str:
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(_read()[name]).hexdigest()[:12]}.{ending}"


@cache
def _read() -> Mapping[str, bytes]:
    folder = files("webjobs_api") / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir() if _ending(each.name) in _TYPES}


def _ending(name: str) -> str:
    return name.rpartition(".")[2]
