"""Every page in a real Chromium, narrow and dark; a file of its own, so that it runs beside the others."""

import aiohttp
from playwright.async_api import Browser
from support.browser import PHONE, tab
from support.dashboard import see_every_page
from support.fake_backend import FakeBackend


async def test_pages_are_whole_accessible_and_fit_a_phone(
    browser: Browser, api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    async with tab(browser, api_url, viewport=PHONE, color_scheme="dark") as page:
        await see_every_page(page, "phone-dark", api, backend)
