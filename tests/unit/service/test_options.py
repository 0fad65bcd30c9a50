"""OPTIONS tells the methods of an address, on the small server of services without an api, too."""

import aiohttp
from webjobs_service.health import run_health_server


async def test_options_names_the_methods_of_an_address() -> None:
    async with run_health_server("127.0.0.1", 0, {}) as url, aiohttp.ClientSession(url) as client:
        async with client.options("/HealthZ") as answer:
            assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
        async with client.options("/nothing") as answer:
            assert answer.status == 404
