"""Requests that tests make with a plain client of the api."""

from typing import Any

import aiohttp


async def get_json(api: aiohttp.ClientSession, path: str, **headers: str) -> Any:
    """The body of an answer, which must be 200."""
    async with api.get(path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()
