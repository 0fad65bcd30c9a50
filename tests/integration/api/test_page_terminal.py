"""The lines that pages show for a terminal, sent to a real api."""

import html
import re
import shlex
from collections.abc import Iterator

import aiohttp
from support.dashboard import LONG, a_hook, some_jobs
from support.fake_backend import FakeBackend

_LINES = re.compile(r'<details class="card terminal">.*?<pre>(.*?)</pre>', re.DOTALL)


def curls_of(page: str) -> Iterator[tuple[str, str]]:
    """Method and address of each line of curl on a page."""
    lines = re.sub("<[^>]*>", "", _LINES.findall(page)[0])
    for line in html.unescape(lines).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["curl"]:
            (address,) = [word for word in words if word.startswith("http://127.0.0.1:")]
            method = words[words.index("-X") + 1] if "-X" in words else "PUT" if "-T" in words else "GET"
            yield method, address


async def test_the_lines_of_every_page_reach_the_api(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    run_id = await some_jobs(api, backend)
    seen = set()
    for path in (
        "/?filter=failed",
        "/pages/runs?status=Failed",
        f"/pages/triggered/{LONG}",
        f"/pages/triggered/{LONG}/history/{run_id}",
        "/pages/continuous/queue-worker",
        "/pages/schedule",
        "/pages/events",
        "/pages/hooks",
        f"/pages/hooks/{await a_hook(api)}",
        "/pages/settings",
        "/pages/system",
        "/pages/new?name=made",
        "/pages/deployments?job=triggered/hello",
    ):
        async with api.get(path) as answer:
            lines = list(curls_of(await answer.text()))
        assert lines, path
        for method, address in lines:
            assert address.startswith(f"{api_url}/")
            seen.add((method, address))
    assert len(seen) > 25
    for method, address in sorted(seen):
        if method == "GET":
            async with api.get(address) as answer:
                assert answer.status == 200, address
        else:
            async with api.options(address) as answer:
                assert method in answer.headers["Allow"].split(", "), (method, address)
