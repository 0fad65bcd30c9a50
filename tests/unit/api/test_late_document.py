"""A document that is built when it is asked for."""

import asyncio

from webjobs_api.describe.late_document import LateDocument


async def test_all_who_ask_get_one_document_though_the_first_gives_up() -> None:
    built: list[bytes] = []

    def build() -> bytes:
        built.append(b"document")
        return built[-1]

    document = LateDocument(build)
    await asyncio.sleep(0)
    assert built == [], "nobody has asked"
    first = asyncio.create_task(document.read())
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(document.read(), document.read()) == [b"document"] * 2
    assert built == [b"document"]
