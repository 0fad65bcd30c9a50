"""The page of a new job: a folder is packed in the browser, with what belongs to it and nothing else."""

import json
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, expect
from support.browser import PHONE, tab
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_rules.job import JobType

expect.set_options(timeout=30_000)
KEPT = {
    "run.py": b"print('hello')\n",
    "requirements.txt": b"",
    "data/größe \u2713.bin": bytes(range(256)) * 3000,
    "data/deep/er/a.txt": b"a\r\n",
    "venv.txt": b"not a folder",
}
LEFT_OUT = {
    ".git/HEAD": b"ref",
    ".venv/lib/a.py": b"",
    ".venv/lib/b.py": b"",
    "data/__pycache__/x.cpython-311.pyc": b"\0",
    "stray.pyc": b"\0",
    ".DS_Store": b"\0",
}
# A folder as a browser hands it over when it is dropped: its entries come in several lists.
_DROP = """(files) => {
  const folder = (name, children) => ({ name, isFile: false, isDirectory: true, createReader: () => {
    const lists = children.map((each) => [each]);
    return { readEntries: (done) => done(lists.shift() || []) };
  }});
  const file = ([name, text]) => ({ name, isFile: true, file: (done) => done(new File([text], name)) });
  const event = new Event("drop", { bubbles: true, cancelable: true });
  const entry = folder("dropped", [folder("sub", files.map(file)), file(["run.sh", "echo hi"])]);
  Object.defineProperty(event, "dataTransfer", {
    value: { items: [{ kind: "file", webkitGetAsEntry: () => entry }] } });
  document.querySelector(".drop").dispatchEvent(event);
}"""


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


async def test_a_folder_is_deployed_without_what_does_not_belong_to_it_and_run(
    browser: Browser, api_url: str, backend: FakeBackend, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "invoices", KEPT | LEFT_OUT)
    async with tab(browser, api_url, viewport=PHONE) as watched:
        page = watched.page
        await watched.open("/pages/new")
        summary, say = page.locator("[data-summary]"), page.locator("[data-say]")
        await page.locator("#folder").set_input_files(folder)
        await expect(page.get_by_label("Name")).to_have_value("invoices")
        await expect(summary).to_contain_text("5 files, 768 kB; left out")
        for words in (
            ".git (1 file)",
            ".venv (2 files)",
            "__pycache__ (1 file)",
            "*.pyc (1 file)",
            ".DS_Store (1",
        ):
            await expect(summary).to_contain_text(words)
        choice = page.locator("[data-choice]")
        await expect(choice).to_contain_text("run.py with python3; requirements.txt found")
        await page.get_by_label("First schedule, if any").fill("often")
        await expect(page.locator("#schedule-words")).to_contain_text("six fields")
        await page.get_by_label("First schedule, if any").fill("0 0 2 * * *")
        await expect(page.locator("#schedule-words li")).to_have_count(5)
        await watched.check(allow=("400",))

        await page.locator("form[data-upload]").evaluate("form => { form.dataset.limit = 700000; }")
        await page.get_by_role("button", name="Deploy", exact=True).click()
        await expect(say).to_contain_text("769 kB are more than the 700 kB")
        await page.locator("form[data-upload]").evaluate("form => { form.dataset.limit = 1e9; }")
        await page.route("**/files*", lambda route: None)  # never answered
        await page.get_by_role("button", name="Deploy", exact=True).click()
        await page.get_by_role("button", name="Cancel").click()
        await expect(say).to_have_text("Cancelled. Nothing was deployed.")
        assert not backend.seen
        await page.unroute("**/files*")

        await page.get_by_role("button", name="Deploy and run").click()
        await page.wait_for_url("**/pages/triggered/invoices/history/*")
    await eventually(lambda: "invoices" in backend.held)
    assert backend.files[JobType.TRIGGERED, "invoices"] == KEPT


async def test_a_dropped_folder_and_several_files_are_packed_and_one_file_is_sent_as_it_is(
    browser: Browser, api_url: str, backend: FakeBackend, tmp_path: Path
) -> None:
    folder_of(tmp_path, {"run.sh": b"echo 1\n", "other.pyc": b"\0"})
    async with tab(browser, api_url) as watched:
        page = watched.page
        deploy = page.get_by_role("button", name="Deploy", exact=True)
        await watched.open("/pages/new")
        await page.evaluate(_DROP, [["a.txt", "a"], ["b.pyc", "b"]])
        await expect(page.locator("[data-summary]")).to_have_text("2 files, 8 bytes; left out *.pyc (1 file)")
        await page.get_by_label("Send these too").check()
        await expect(page.locator("[data-summary]")).to_have_text("3 files, 9 bytes")
        await deploy.click()
        await page.wait_for_url("**/pages/triggered/dropped")
        sent = {"run.sh": b"echo hi", "sub/a.txt": b"a", "sub/b.pyc": b"b"}
        assert backend.files[JobType.TRIGGERED, "dropped"] == sent

        for chosen, name in ((["run.sh", "other.pyc"], "two"), (["run.sh"], "one")):
            await watched.open("/pages/new?type=continuous")
            assert await page.get_by_role("button", name="Deploy and run").count() == 0
            await page.get_by_label("Name").fill(name)
            await page.locator("#file").set_input_files([tmp_path / each for each in chosen])
            await expect(page.locator("[data-choice]")).to_have_text("run.sh with bash")
            await deploy.click()
            await page.wait_for_url(f"**/pages/continuous/{name}")
            assert backend.files[JobType.CONTINUOUS, name] == {"run.sh": b"echo 1\n"}
        await watched.check()


async def test_a_form_without_scripts_deploys_schedules_and_runs(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    first = {"name": "hello", "type": "triggered", "schedule": "0 0 2 * * *"}
    async with api.get("/pages/new", params=first) as answer:
        text = await answer.text()
    assert 'formaction="/pages/triggered/hello/files?schedule=0+0+2+%2A+%2A+%2A&amp;then=run"' in text
    assert text.count("<li>") == 5, "the next due times"
    address = "/pages/triggered/hello/files"
    refused = {
        "schedule=often": "six fields",
        "then=walk": "can only be run",
        "schedule=0+0+3+*+*+*&then=walk": "can only be run",
    }
    for query, words in refused.items():
        form = aiohttp.FormData()
        form.add_field("file", b"echo 1\n", filename="run.sh")
        async with api.post(f"{address}?{query}", data=form, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 400 and words in await answer.text(), query
    assert not backend.seen
    form = aiohttp.FormData()
    form.add_field("file", b"echo 1\n", filename="run.sh")
    query = "schedule=0+0+2+*+*+*&then=run"
    async with api.post(f"{address}?{query}", data=form, allow_redirects=False) as answer:
        assert answer.status == 200, await answer.text()
        assert "/pages/triggered/hello/history/" in json.loads(await answer.text())["url"]
    await eventually(lambda: "hello" in backend.held)
    async with api.get("/api/jobs/triggered/hello/settings") as answer:
        assert await answer.json() == {"schedule": "0 0 2 * * *"}


async def test_a_form_whose_deployment_takes_long_leads_to_it_and_leaves_what_follows_to_the_runner(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    backend.may_take_job_commands.clear()
    form = aiohttp.FormData()
    form.add_field("file", b"echo 1\n", filename="run.sh")
    query = "schedule=0+0+2+*+*+*&then=run"
    async with api.post(f"/pages/triggered/hello/files?{query}", data=form) as answer:
        url = (await answer.json(content_type=None))["url"]
    backend.may_take_job_commands.set()
    await eventually(lambda: backend.seen)
    (command,) = backend.seen
    assert url.startswith("/pages/deployments/") and url.endswith(f"?run={command.run_id}")
    assert command.patch == {"schedule": "0 0 2 * * *"} and command.follow_up.run_id == command.run_id


async def test_a_schedule_and_the_script_are_known_before_there_is_a_job(api: aiohttp.ClientSession) -> None:
    async with api.get(
        "/api/schedules/preview",
        params={"schedule": "0 30 9 * * Mon", "time_zone": "Europe/Berlin", "next": "2"},
    ) as answer:
        found = await answer.json()
    assert answer.status == 200 and len(found["next"]) == 2 and "09:30" in found["next"][0]["local"]
    assert found["time_zone"] == "Europe/Berlin" and "Monday" in found["words"]
    names = {"names": ["job/main.py", "job/settings.job"]}
    async with api.post("/api/script-choice", json=names) as answer:
        assert (await answer.json())["script"] == "job/main.py"
    async with api.post("/api/script-choice", json=[]) as answer:
        assert answer.status == 400 and "run.py" in (await answer.json())["detail"]
    for query, words in {
        "": "schedule",
        "schedule=%20": "schedule",
        "schedule=often": "six fields",
        "schedule=0+0+2+*+*+*&time_zone=Berlin": "time_zone",
        "schedule=0+0+2+*+*+*&next=101": "next",
    }.items():
        async with api.get(f"/api/schedules/preview?{query}") as answer:
            assert answer.status == 400 and words in (await answer.json())["detail"], query
