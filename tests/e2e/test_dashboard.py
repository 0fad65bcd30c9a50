"""What a newcomer does in the browser alone: deploy a folder, run, find the error, mend, schedule."""

from pathlib import Path

from support.browser import chromium, tab
from support.client import Client, unique
from support.eventually import eventually

BROKEN = 'echo "reading invoices"\necho "ValueError: no such invoice" >&2\nexit 3\n'
MENDED = 'for i in 1 2 3; do echo "invoice $i"; sleep 0.2; done\n'


async def test_a_newcomer_deploys_runs_finds_the_error_mends_and_schedules_in_the_browser(
    client: Client, tmp_path: Path
) -> None:
    name = unique("invoices")
    script = tmp_path / name / "run.sh"
    (tmp_path / name / ".venv").mkdir(parents=True)
    (tmp_path / name / ".venv" / "run.py").write_text("")
    async with chromium() as browser, tab(browser, client.base) as watched:
        page = watched.page
        await watched.open("/")
        await page.get_by_role("link", name="New job").or_(page.get_by_role("link", name="Upload")).click()
        script.write_text(BROKEN)
        await page.locator("#folder").set_input_files(script.parent)
        await page.get_by_text("1 file, 70 bytes; left out .venv (1 file)").wait_for()
        await page.get_by_role("button", name="Deploy and run").click()
        await page.wait_for_url(f"**/pages/triggered/{name}/history/*")
        await page.get_by_text("the script exited with code 3", exact=False).wait_for()
        await page.get_by_role("link", name="First error").click()
        assert "no such invoice" in str(await page.locator(".log li.stderr .text").first.text_content())

        await page.get_by_role("link", name=name).first.click()
        await page.get_by_role("link", name="All files").click()
        await page.get_by_role("heading", name="Files").wait_for()
        await watched.check()
        await page.go_back()
        await page.locator("#files").get_by_role("link", name="run.sh", exact=True).click()
        await page.get_by_label("Content").fill(MENDED)
        await watched.check()
        await page.get_by_role("button", name="Save and run").click()
        await page.wait_for_url(f"**/pages/triggered/{name}/history/*")
        await page.locator("#head .status.Success").wait_for()
        await page.get_by_role("link", name=name).first.click()

        await page.get_by_label("Cron expression").fill("0 0 3 * * *")
        await page.get_by_role("button", name="Save schedule").click()
        await page.locator("#schedule code").get_by_text("0 0 3").wait_for()
        await page.get_by_label("Cron expression").fill("every night")
        await page.get_by_role("button", name="Save schedule").click()
        await page.get_by_text("must have six fields").first.wait_for()
        assert (await client.json(f"/api/jobs/triggered/{name}/settings"))["schedule"] == "0 0 3 * * *"
        await watched.check(allow=("400",))


async def test_three_jobs_are_disabled_at_once_and_the_one_that_is_removed_meanwhile_is_listed(
    client: Client,
) -> None:
    prefix = unique("many")
    names = [f"{prefix}-{letter}" for letter in "abc"]
    for name in names:
        await client.put_script("triggered", name, "echo done\n")
    async with chromium() as browser, tab(browser, client.base) as watched:
        page = watched.page
        await watched.open(f"/?text={prefix}")
        await page.get_by_role("link", name="Select", exact=True).click()
        for name in names:
            await page.get_by_label(f"Select {name}").check()
        await page.get_by_role("button", name="Disable").click()
        await page.get_by_role("heading", name="Disable: 3 jobs?").wait_for()
        assert (await client.delete(f"/api/jobs/triggered/{names[1]}")).status == 200
        await page.get_by_role("button", name="Disable: 3 jobs").click()
        await page.get_by_role("heading", name="Disable: done for 2 of 3 jobs").wait_for()
        assert await page.locator("main tbody tr").count() == 1
        assert names[1] in str(await page.locator("main tbody tr td").text_content())
        for name in (names[0], names[2]):
            assert await client.json(f"/api/jobs/triggered/{name}/settings") == {"enabled": False}
        await watched.check()


async def test_a_log_grows_on_the_page_while_the_run_goes_on(client: Client) -> None:
    name = unique("grows")
    go_on = 'until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done; echo "the last line"'
    await client.put_script("triggered", name, f"echo 'the first line'\n{go_on}\n")
    run_id = await client.run(name)
    await client.begun(name, run_id)
    async with chromium() as browser, tab(browser, client.base) as watched:
        await watched.open(f"/pages/triggered/{name}/history/{run_id}")
        lines = watched.page.locator(".log .text")
        await lines.get_by_text("the first line").wait_for()
        assert (await client.put(f"/vfs/data/jobs/triggered/{name}/go", b"")).status == 201
        await lines.get_by_text("the last line").wait_for()
        await watched.page.locator("#head .status.Success").wait_for()
        await eventually(lambda: watched.page.locator(".log li[id]").count())
        numbers = await watched.page.locator(".log .line").all_text_contents()
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        await watched.check()


async def test_a_long_log_opens_at_the_first_error_and_is_searched_as_a_whole(client: Client) -> None:
    name = unique("long")
    script = (
        "for i in $(seq 1 3000); do echo line $i; done\n"
        'printf "\\033[32mgreen\\033[0m\\n"; echo "ValueError: here" >&2; sleep 0.3\n'
        "for i in $(seq 3001 4000); do echo line $i; done\nexit 1\n"
    )
    await client.put_script("triggered", name, script)
    run_id = await client.run(name)
    await client.ended(name, run_id)
    page_path = f"/pages/triggered/{name}/history/{run_id}"
    async with chromium() as browser, tab(browser, client.base) as watched:
        page = watched.page
        await watched.open(page_path)
        marked = page.locator(".log li.marked .text")
        assert await marked.text_content() == "ValueError: here"
        assert await page.locator(".log li[id]").count() <= 500
        await watched.check()
        await page.locator("#q").fill("LINE 39")
        await page.get_by_role("button", name="Search", exact=True).click()
        await page.get_by_text("1 of 111 matches").wait_for()
        assert await marked.text_content() == "line 39"
        await page.get_by_role("link", name="Next match").click()
        await page.get_by_text("2 of 111 matches").wait_for()
        assert await marked.text_content() == "line 390"
        await watched.open(f"{page_path}?line=2000")
        assert await marked.text_content() == "line 1997", "three lines of webjobs come first"
        await page.get_by_role("link", name="Later").click()
        await page.locator("#L2800").wait_for()
        assert await page.locator(".log li[id]").count() == 1000, "the window after it is loaded in place"
        await watched.open(f"{page_path}?q=green")
        assert await page.locator(".log .ansi-green").text_content() == "green"
        await page.get_by_text("1 of 1 match").wait_for()
        await watched.check()


async def test_the_page_of_a_job_lists_its_files(client: Client) -> None:
    name = unique("files")
    files: dict[str, str | bytes] = {"run.sh": "echo", "helper.sh": "echo", "tool.py": "pass", "lib/a": "1"}
    await client.put_zip("triggered", name, files)
    path = f"/pages/triggered/{name}"
    page, region = [(await client.get(f"{path}{query}")).text for query in ("", "?_regions=files")]
    for below in ("run.sh", "helper.sh", "tool.py", "lib"):
        assert f'href="{path}/files?path={below}"' in page and f'href="{path}/files?path={below}"' in region
    assert "<dd>4 files, 13 B</dd>" in page
    assert "<code>run.sh</code> was chosen as the script among 3." in region and "lib/a" not in region
    runs = (await client.get(f"{path}?_regions=runs")).text
    assert "runs-title" not in region and "files-title" not in runs
    await client.put_zip("triggered", name, {"run.sh": "echo", **{f"{at:02}.csv": "1" for at in range(30)}})
    region = (await client.get(f"{path}?_regions=files")).text
    assert region.count("<li>") == 20 and "of which these are the first" in region
    assert "chosen as the script" not in region
