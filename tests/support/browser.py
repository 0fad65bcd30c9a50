"""A page in a real browser: chromium without a window, spoken to by its DevTools protocol."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from support.eventually import eventually
from support.programs import need_program

_PORT_FILE = "DevToolsActivePort"  # the browser writes into its profile where it listens


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, awaited when it is a promise."""
        sent = next(self._ids)
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        await self._socket.send_json({"id": sent, "method": "Runtime.evaluate", "params": parameters})
        while (answer := await self._socket.receive_json(timeout=30)).get("id") != sent:
            pass
        result = answer["result"]
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")


@contextlib.asynccontextmanager
async def browser_page(url: str, folder: Path) -> AsyncIterator[Page]:
    """The page at an address, in a browser that ends with the body; without a browser the test is skipped."""
    program = need_program("chromium", "chromium-browser", "google-chrome")
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={folder}", url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    try:
        port_file = folder / _PORT_FILE
        await eventually(lambda: port_file.exists() and "\n" in port_file.read_text(), 60)
        port = port_file.read_text().split()[0]
        async with aiohttp.ClientSession() as session:

            async def tab() -> str:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [each for each in await answer.json() if each["url"].startswith(url)]
                assert pages
                return str(pages[0]["webSocketDebuggerUrl"])

            async with session.ws_connect(await eventually(tab, 30), max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await process.wait()
