"""Forms that are sent twice, by a double click, a reload or a second api, are carried out once."""

import asyncio
import re

import aiohttp
import pytest
from support.browser import chromium
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.pages import once
from webjobs_api.settings import ApiSettings
from webjobs_rules.job import JobType

JOB = "/pages/triggered/hello"
ANY_NUMBER = {"concurrency": {"policy": "allow", "limit": 9}}


def key_in(page: str) -> str:
    found = re.search(r'data-once="([\w-]+)"', page)
    assert found is not None
    return found[1]


async def page_key(api: aiohttp.ClientSession, path: str) -> str:
    async with api.get(path, headers={"Accept": "text/html"}) as answer:
        return key_in(await answer.text())


async def post(
    api: aiohttp.ClientSession, path: str, key: str, form: dict[str, str] | None = None
) -> tuple[int, str, str]:
    async with api.post(path, params={"_once": key}, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


def runs(backend: FakeBackend) -> int:
    return len({command.run_id for command in backend.seen})


async def test_a_double_click_runs_a_job_once(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings=ANY_NUMBER)
    key = await page_key(api, JOB)
    assert await page_key(api, JOB) != key
    both = await asyncio.gather(*(post(api, f"{JOB}/run", key, {"arguments": "x"}) for _ in range(3)))
    assert {status for status, *_ in both} == {303} and len({to for _, to, _ in both}) == 1
    assert (await post(api, f"{JOB}/run", key, {"arguments": "y"}))[0] == 303, "other arguments: another run"
    assert (await post(api, f"{JOB}/run", await page_key(api, JOB), {"arguments": "x"}))[0] == 303
    await eventually(lambda: runs(backend) == 3)
    assert [command.arguments for command in backend.seen] == ["x", "y", "x"]


async def test_another_api_does_not_do_it_again(
    api: aiohttp.ClientSession, backend: FakeBackend, settings: ApiSettings
) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings=ANY_NUMBER)
    key = await page_key(api, JOB)
    async with run_api(settings, {}) as url, aiohttp.ClientSession(url) as other:
        both = await asyncio.gather(*(post(each, f"{JOB}/run", key) for each in (api, other)))
    assert [status for status, *_ in both] == [303, 303]
    assert (await post(api, f"{JOB}/run", key))[0] == 303
    await eventually(lambda: runs(backend) == 1)


async def test_the_same_form_does_it_again_after_a_while(
    api: aiohttp.ClientSession, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "REDIRECT_SECONDS", 1)
    await backend.define(JobType.TRIGGERED, "hello", settings=ANY_NUMBER)
    key = await page_key(api, JOB)

    async def both_ran() -> bool:
        assert (await post(api, f"{JOB}/run", key))[0] == 303
        return runs(backend) == 2

    await eventually(both_ran)


async def test_what_was_refused_may_be_sent_again(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    key = await page_key(api, "/")
    status, _, page = await post(api, f"{JOB}/run", key)
    assert status == 404 and key_in(page) != key
    await backend.define(JobType.TRIGGERED, "hello")
    assert (await post(api, f"{JOB}/run", key))[0] == 303


async def test_the_outcome_of_many_is_shown_again_by_a_reload(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("hello", "other"):
        await backend.define(JobType.TRIGGERED, name, settings=ANY_NUMBER)
    actions = "/pages/jobs/actions"
    form = {"action": "run", "all": "1"}
    async with api.post(actions, data=form) as answer:
        question = await answer.text()
    key = key_in(question)
    assert f'action="{actions}?_once={key}"' in question
    outcomes = [await post(api, actions, key, {**form, "count": "2"}) for _ in range(3)]
    assert [status for status, *_ in outcomes] == [200] * 3
    assert "done for 2 jobs" in outcomes[0][2] and len({text for *_, text in outcomes}) == 1
    await eventually(lambda: runs(backend) == 2)
    assert runs(backend) == 2


async def test_a_form_is_carried_out_though_its_client_leaves(
    api: aiohttp.ClientSession, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backend.define(JobType.CONTINUOUS, "serve")
    path = "/pages/continuous/serve"
    key = await page_key(api, path)
    first = asyncio.create_task(post(api, f"{path}/stop", key))
    await asyncio.sleep(0)  # it is on its way
    second = asyncio.create_task(post(api, f"{path}/stop", key))
    first.cancel()
    assert (await second)[:2] == (303, path)


async def test_a_double_click_without_scripts(api_url: str, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings=ANY_NUMBER)
    async with chromium() as browser:
        page = await (await browser.new_context(java_script_enabled=False)).new_page()
        await page.goto(api_url + JOB)
        await page.get_by_role("button", name="Run", exact=True).dblclick()
        await page.wait_for_load_state()
        await eventually(lambda: runs(backend) == 1)
        await page.get_by_role("button", name="Run", exact=True).click()
        await eventually(lambda: runs(backend) == 2)
