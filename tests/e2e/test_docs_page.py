"""The page to read and try the api, in a real browser."""

from support.browser import chromium, tab
from support.client import Client, unique
from support.eventually import eventually

_OPEN = "document.getElementById('{0}').open = true; true"
_FILL = "document.querySelector('#{0} [name={1}]').value = {2!r}; true"
_PRESS = "document.querySelector('#{0} form').requestSubmit(); true"
_ANSWER = "document.querySelector('#{0} .answer')?.textContent"
_FILTER = "{{ const f = document.getElementById('filter'); f.value = {0!r}; f.oninput(); }}"
_OLDER = "{ const o = document.getElementById('older'); o.checked = true; o.oninput(); }"
_SHOWN = "[...document.querySelectorAll('details.operation')].filter((each) => !each.hidden).length"


async def test_every_route_can_be_read_and_tried_on_the_page(client: Client) -> None:
    name = unique("docs")
    await client.put_script("triggered", name, "echo hello\n")
    document = await client.json("/openapi.json")
    routes = sum(len(item) for item in document["paths"].values())
    async with chromium() as browser, tab(browser, client.base) as watched:
        page = watched.page
        await watched.open("/docs")

        async def lists_every_route() -> bool:
            return bool(
                await page.evaluate("document.querySelectorAll('details.operation').length") == routes
            )

        await eventually(lists_every_route, 30)

        get_job = "get_api_jobs_triggered_job"
        await page.evaluate(_OPEN.format(get_job))

        async def shows_parameters_and_fields() -> bool:
            text = await page.evaluate(f"document.getElementById('{get_job}').textContent")
            return "The name of the job" in text and "TriggeredJobJson" in text

        await eventually(shows_parameters_and_fields)
        await page.evaluate(_FILL.format(get_job, "job", name))
        await page.evaluate(_PRESS.format(get_job))

        async def shows_the_answer() -> bool:
            text = await page.evaluate(_ANSWER.format(get_job))
            return "200 OK" in text and f'"name": "{name}"' in text

        await eventually(shows_the_answer, 20)

        run_job = "post_api_jobs_triggered_job_run"
        await page.evaluate(_OPEN.format(run_job))
        await eventually(lambda: page.evaluate(f"!!document.querySelector('#{run_job} form')"))
        await page.evaluate(_FILL.format(run_job, "job", name))
        await page.evaluate(_PRESS.format(run_job))

        async def was_accepted() -> bool:
            return "202 Accepted" in await page.evaluate(_ANSWER.format(run_job))

        await eventually(was_accepted, 20)
        (run,) = await client.runs_of(name)
        await client.ended(name, run["id"])

        await page.evaluate(_FILTER.format("history"))
        current = await page.evaluate(_SHOWN)
        await page.evaluate(_OLDER)
        assert 0 < current < await page.evaluate(_SHOWN) < routes
