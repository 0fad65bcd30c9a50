"""Every page in a real Chromium, wide and light; a file of its own, so that it runs beside the others."""

import aiohttp
from playwright.async_api import Browser
from support.browser import WIDE, tab
from support.dashboard import see_every_page
from support.fake_backend import FakeBackend


async def test_pages_are_whole_accessible_and_fit_a_wide_screen(
    browser: Browser, api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    async with tab(browser, api_url, viewport=WIDE, color_scheme="light") as page:
        await see_every_page(page, "wide-light", api, backend)
