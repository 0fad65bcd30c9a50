"""The api and a real runner on a real NATS: what the files of a site are read and written through."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.runners import RunningRunner
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from yarl import URL


@dataclass(frozen=True)
class Got:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Files:
    """Asks the api for files; paths are sent as they are written."""

    def __init__(self, session: aiohttp.ClientSession, url: str, site: Path) -> None:
        self.session = session
        self.url = url
        self.site = site

    @property
    def wwwroot(self) -> Path:
        return self.site / "site" / "wwwroot"

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Got:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self.url + path, encoded=True)
        async with self.session.request(
            method, url, data=body, headers=named, allow_redirects=False
        ) as answer:
            return Got(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **headers: str) -> Got:
        return await self.ask("GET", path, **headers)

    async def put(self, path: str, body: Any = b"", **headers: str) -> Got:
        return await self.ask("PUT", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> Got:
        return await self.ask("DELETE", path, **headers)


@pytest.fixture
async def api_url(settings: ApiSettings) -> AsyncIterator[str]:
    async with run_api(settings.model_copy(update={"upload_limit_mb": 8}), {}) as url:
        yield url


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as speaking:
        yield speaking


@pytest.fixture
async def files(session: aiohttp.ClientSession, api_url: str, runner: RunningRunner, tmp_path: Path) -> Files:
    return Files(session, api_url, tmp_path / "site")


def uploads_of(site: Path) -> list[Path]:
    """What uploads have left in the scratch folders of all runners of a site."""
    return [path for folder in site.glob("data/.runner/*/uploads") for path in folder.iterdir()]


async def in_thread(work: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)
