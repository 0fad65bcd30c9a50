"""Every URL that the stack gives leads back to it through a proxy that serves it below a path."""

import html
import re
from urllib.parse import urljoin

from support.client import PATIENCE, TERMINAL, Client, client_of, unique
from support.eventually import eventually
from support.receiver import receiving
from support.reverse_proxy import reverse_proxy
from support.stack import RunningStack


async def test_urls_lead_back_through_the_proxy(stack: RunningStack) -> None:
    async with (
        reverse_proxy(stack.url, "/team/jobs") as base,
        client_of(base) as client,
        receiving() as receiver,
    ):
        name = unique("proxied")
        hook = {"url": receiver.url(), "event": "TriggeredJobFinished", "job": name}
        made = (await client.post("/api/hooks", json=hook)).json
        job = await client.put_script("triggered", name, "echo out; echo err >&2")
        assert {job[key].startswith(f"{base}/") for key in ("url", "history_url", "extra_info_url")} == {True}
        location = (await client.post(f"{job['url'].replace('/api/jobs/', '/API/Jobs/')}/Run")).headers[
            "Location"
        ]
        assert location.startswith(f"{base}/api/jobs/triggered/{name}/history/")
        run = await eventually(lambda: ended(client, location), PATIENCE)
        sent = (await receiver.has(1))[0].json
        await client.delete(f"/api/hooks/{made['id']}")
        for url in (run["url"], run["output_url"], run["error_url"], sent["url"], sent["output_url"]):
            assert url.startswith(f"{base}/") and (await client.get(url)).status == 200, url
        assert "out" in (await client.get(run["output_url"])).text

        page = await client.get(job["extra_info_url"])
        texts = (page.text, (await client.get("/")).text)
        links = {link for text in texts for link in re.findall(r'href="([^"#][^"]*)"', text)}
        assert len(links) > 5
        for link in links:
            assert (await client.get(urljoin(base, html.unescape(link)))).status == 200, link
        button = re.search(r'action="([^"]+/run\?[^"]*)"', page.text)
        assert button is not None
        pressed = await client.post(
            urljoin(base, html.unescape(button[1])), headers={"Origin": urljoin(base, "/")[:-1]}
        )
        assert (
            pressed.status == 303
            and (await client.get(urljoin(base, pressed.headers["Location"]))).status == 200
        )

        folder = f"/vfs/site/wwwroot/App_Data/Jobs/Triggered/{name}"
        moved = urljoin(base, (await client.get(folder)).headers["Location"])
        assert moved.startswith(f"{base}/vfs/site/")
        listed = await client.json(moved)
        assert [(await client.get(entry["href"])).status for entry in listed] == [200] * len(listed)
        assert (await client.delete(job["url"])).status == 200


async def ended(client: Client, url: str) -> dict[str, str]:
    run: dict[str, str] = await client.json(url)
    assert run["status"] in TERMINAL
    return run
