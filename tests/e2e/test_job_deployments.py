"""Deployments of jobs as resources: how far each is, how it ended, its log, and what is killed meanwhile."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from support.archives import zip_of
from support.background import in_background
from support.browser import chromium, tab
from support.bus import SUBJECTS, replay
from support.client import PATIENCE, Client, client_of, unique
from support.command_line import CommandLine
from support.eventually import eventually
from support.package_index import PackageIndex, package_index, wheel
from support.stack import RunningStack, halted, webjobs_up
from webjobs_events.deployment_id import is_deployment_id
from webjobs_rules.job import JobType

ZIP = {"Content_Type": "application/zip"}
ASYNC = {**ZIP, "Prefer": "respond-async"}
PRINTS = "import alpha, beta\nprint(alpha.VERSION, beta.VERSION)\n"


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(wheel("alpha"), wheel("beta"), wheel("gamma")) as found:
        yield found


@pytest.fixture(scope="module")
def prepared_stack(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> Iterator[RunningStack]:
    data = tmp_path_factory.mktemp("prepared") / "data"
    with in_background(webjobs_up(data, **index.variables)) as running:
        yield running


@pytest_asyncio.fixture
async def client(prepared_stack: RunningStack) -> AsyncIterator[Client]:
    async with client_of(prepared_stack.url) as speaking:
        yield speaking


async def ended(client: Client, url: str) -> Any:
    async def complete() -> Any:
        answer = await client.get(url)
        assert answer.status == 200, answer.text
        assert answer.json["complete"], answer.text
        return answer.json

    return await eventually(complete, PATIENCE)


async def test_a_deployment_with_packages_is_accepted_at_once_and_followed_to_its_end(client: Client) -> None:
    name = unique("packages")
    files = {"run.py": PRINTS, "requirements.txt": "alpha\nbeta\n"}
    begun = await client.put(f"/api/triggeredwebjobs/{name}", zip_of(files), **ASYNC)
    assert begun.status == 202, begun.text
    assert begun.headers["Preference-Applied"] == "respond-async"
    url = begun.headers["Location"]
    assert (begun.json["kind"], begun.json["state"], begun.json["url"]) == ("job", "queued", url)
    requested_at = begun.json["received_time"]
    followed = await client.get(f"{url}/log?follow=true")
    done = await ended(client, url)
    assert (done["state"], done["stage"], done["status"], done["error"]) == ("deployed", "done", 4, None)
    assert (done["job"]["name"], done["received_time"]) == (name, requested_at)
    assert (done["result"]["script"], len(done["result"]["version"])) == ("run.py", 64)
    assert 0 < done["seconds"] < PATIENCE
    log = (await client.get(f"{url}/log")).text
    assert log == followed.text
    assert "Dependencies are declared in requirements.txt" in log
    assert log.splitlines()[-1].endswith("INFO] Deployed.")
    needed = await client.json(f"/api/jobs/triggered/{name}/dependencies?lock=true")
    assert [(each["name"], each["version"]) for each in needed["packages"]] == [
        ("alpha", "1.0"),
        ("beta", "1.0"),
    ]
    assert (needed["kind"], needed["jobs"]) == ("requirements", [{"type": "triggered", "name": name}])
    assert needed["declared_in"] == ["requirements.txt"]
    (environment,) = needed["environments"]
    assert environment == needed["prepared"]
    assert (environment["packages"], environment["interpreter"].split()[0]) == (2, "cpython")
    assert environment["bytes"] > 1000
    assert needed["prepared"]["key"] and "--hash=sha256:" in needed["lock"]
    await client.put_zip("triggered", unique("sharer"), files)
    shared = await client.json(f"/api/jobs/triggered/{name}/dependencies")
    assert len(shared["jobs"]) == 2 and shared["environments"] == [environment], "as it was built"
    page = (await client.get(f"/pages/deployments/{done['id']}")).text
    assert "Deployed" in page and "Dependencies are declared in requirements.txt" in page
    assert "<noscript>" not in page
    of_job = (await client.get(f"/pages/triggered/{name}")).text
    assert "declared in <code>requirements.txt</code>" in of_job and "for cpython 3." in of_job
    assert "2 packages" in of_job and "<code>alpha 1.0</code>" in of_job
    listed = await client.json(f"/api/deployments?job=triggered/{name}")
    assert [each["id"] for each in listed] == [done["id"]]
    assert (await client.json("/api/deployments?limit=1"))[0]["kind"] in ("job", "package")
    assert (await client.delete(f"/api/triggeredwebjobs/{name}")).status == 200
    assert (await client.get(url)).status == 404


async def test_a_deployment_that_fails_says_so_as_the_answer_to_a_waiting_client_does(client: Client) -> None:
    name = unique("unknown")
    package = zip_of({"run.py": "print(1)", "requirements.txt": "gamma-is-nowhere\n"})
    waited = await client.put(f"/api/triggeredwebjobs/{name}", package, **ZIP)
    begun = await client.put(f"/api/triggeredwebjobs/{name}", package, **ASYNC)
    failed = await ended(client, begun.headers["Location"])
    assert (failed["state"], failed["status"], failed["result"]) == ("failed", 3, None)
    assert failed["error"] == {"status": waited.status, "detail": waited.text}
    assert failed["status_text"] == waited.text

    async def names_its_stage() -> bool:  # its log is stored a moment after the event
        return (await client.json(begun.headers["Location"]))["stage"] == "resolve"

    await eventually(names_its_stage, PATIENCE)
    page = (await client.get(f"/pages/deployments/{failed['id']}")).text
    assert "Choose versions: failed" in page
    for query in ("", f"?job=triggered/{name}"):
        listed = (await client.get(f"/pages/deployments{query}")).text
        assert f'href="/pages/deployments/{failed["id"]}"' in listed
        assert "requirements.txt cannot be resolved" in listed and ">Failed<" in listed
    refused = await client.get("/pages/deployments?job=hello")
    assert refused.status == 400 and "it is a job such as triggered/hello" in refused.text
    log = (await client.get(failed["log_url"])).text
    assert "ERROR]" in log.splitlines()[-1]
    first, second = await client.json(f"/api/deployments?job=triggered/{name}")
    assert first["error"] == second["error"]
    part = await client.get(f"/api/deployments?job=triggered/{name}&limit=1")
    assert 'rel="next"' in part.headers["Link"]
    following = part.headers["Link"].partition("<")[2].partition(">")[0]
    assert [each["id"] for each in await client.json(following)] == [second["id"]]


async def test_an_upgrade_chooses_versions_anew(client: Client, index: PackageIndex) -> None:
    name = unique("upgraded")
    files = {"run.py": "print(1)\n", "requirements.txt": "delta\n"}
    index.add(wheel("delta", "1.0"))
    await client.put_zip("triggered", name, files)
    index.add(wheel("delta", "2.0"))
    for query, version in (("", "1.0"), ("?upgrade=true", "2.0"), ("", "2.0")):
        answer = await client.put(f"/api/jobs/triggered/{name}{query}", zip_of(files), **ZIP)
        assert answer.status == 200, answer.text
        needed = await client.json(f"/api/jobs/triggered/{name}/dependencies")
        assert [each["version"] for each in needed["packages"]] == [version]


def test_the_command_line_shows_lines_and_differences_or_does_not_wait(
    prepared_stack: RunningStack, index: PackageIndex, tmp_path: Path
) -> None:
    cli, name = CommandLine(prepared_stack.url, tmp_path), unique("typed")
    index.add(wheel("epsilon", "1.0"))
    (tmp_path / name).mkdir()
    (tmp_path / name / "run.py").write_text("print(1)\n")
    (tmp_path / name / "requirements.txt").write_text("epsilon\n")
    deployed = cli("deploy", name)
    assert deployed.returncode == 0, deployed.stderr
    assert "Dependencies are declared in requirements.txt" in deployed.stderr
    index.add(wheel("epsilon", "2.0"))
    upgraded = cli("deploy", name, "--upgrade")
    assert "~ epsilon 1.0 -> 2.0" in upgraded.stdout.splitlines(), upgraded.stderr
    listed = cli("deps", name).stdout
    assert "declared in requirements.txt" in listed and "  epsilon 2.0" in listed
    begun = cli("deploy", name, "--no-wait", "--json=deployment")
    assert is_deployment_id(json.loads(begun.stdout)["deployment"]), begun.stderr
    (tmp_path / name / "requirements.txt").write_text("nowhere-to-be-found\n")
    refused = cli("deploy", name)
    assert refused.returncode != 0 and "nowhere-to-be-found" in refused.stderr


async def test_a_restored_version_and_a_script_are_deployments_too(client: Client) -> None:
    name = unique("restored")
    for text in ("echo one\n", "echo two\n"):
        assert await client.put_script("triggered", name, text)
    _, old = await client.json(f"/api/jobs/triggered/{name}/versions")
    begun = await client.post(
        f"/api/jobs/triggered/{name}/versions/{old['digest'][:12]}/restore", headers={"Prefer": "wait=0"}
    )
    assert (begun.status, begun.headers["Preference-Applied"]) == (202, "wait=0")
    done = await ended(client, begun.headers["Location"])
    assert (done["state"], done["result"]["version"]) == ("deployed", old["digest"])
    assert len(await client.json(f"/api/deployments?job=triggered/{name}")) == 3


async def test_what_is_no_deployment_is_not_found_and_bad_filters_are_refused(client: Client) -> None:
    assert (await client.get("/pages/deployments/202601020304056789-0123456789ab")).status == 404
    for unknown in ("202601020304056789-0123456789ab", "nothing", "999999999999999999-0123456789ab"):
        for path in (f"/api/deployments/{unknown}", f"/api/deployments/{unknown}/log"):
            assert (await client.get(path)).status == 404
    for query in ("job=hello", "limit=0", "limit=x", "before=1"):
        assert (await client.get(f"/api/deployments?{query}")).status == 400


@contextlib.asynccontextmanager
async def held_deployment(client: Client, index: PackageIndex, package: str) -> AsyncIterator[str]:
    """The address of a deployment whose package is not downloaded before the body has ended."""
    name = unique(package)
    index.add(wheel(package))
    index.held.clear()
    try:
        files = zip_of({"run.py": f"import {package}\n", "requirements.txt": f"{package}\n"})
        begun = await client.put(f"/api/jobs/triggered/{name}", files, **ASYNC)
        url = begun.headers["Location"]
        await eventually(lambda: any(f"/files/{package}" in path for path in index.requests), PATIENCE)
        yield url
    finally:
        index.held.set()


async def deployed_once(stack: RunningStack, client: Client, url: str) -> None:
    """A deployment ends well, with one event."""
    done = await ended(client, url)
    assert done["state"] == "deployed", done
    job = SUBJECTS.job_event(JobType.TRIGGERED, done["job"]["name"], "*")
    names = [event.name for _, event in await replay(stack.nats_url, job)]
    assert [each for each in names if each in ("Deployed", "DeployFailed")] == ["Deployed"], names


async def test_a_deployment_whose_runner_is_killed_is_done_all_the_same(
    client: Client, prepared_stack: RunningStack, index: PackageIndex
) -> None:
    async with held_deployment(client, index, "killed") as url:

        async def has_a_log() -> bool:
            found = await client.json(url)
            return found["state"] == "preparing" and bool(found["stage"])

        await eventually(has_a_log, PATIENCE)
        prepared_stack.kill("runner")
    await deployed_once(prepared_stack, client, url)
    assert "begun again" in (await client.get(f"{url}/log")).text


async def test_a_deployment_goes_on_while_nats_is_killed(
    client: Client, prepared_stack: RunningStack, index: PackageIndex
) -> None:
    async with held_deployment(client, index, "restarted") as url:
        prepared_stack.kill("nats")
    await deployed_once(prepared_stack, client, url)


async def test_while_postgres_is_away_a_deployment_goes_on_and_is_never_not_found(
    client: Client, prepared_stack: RunningStack, index: PackageIndex
) -> None:
    async with held_deployment(client, index, "unseen") as url:
        name = (await client.json(url))["job"]["name"]
        with halted(prepared_stack, "postgres"):
            addresses = (url, f"{url}/log", f"/api/deployments?job=triggered/{name}")
            before = await asyncio.gather(*(client.get(address) for address in addresses))
            index.held.set()
            files = prepared_stack.data / "site" / "wwwroot" / "app_data" / "jobs" / "triggered" / name
            await eventually((files / "run.py").exists, PATIENCE)
            after = await asyncio.gather(*(client.get(address) for address in addresses))
            for answer in (*before, *after):
                assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (503, True), answer.text
    await eventually(lambda: is_back(client, url), PATIENCE)
    await deployed_once(prepared_stack, client, url)


async def is_back(client: Client, url: str) -> bool:
    return (await client.get(url)).status == 200


async def test_the_page_of_a_deployment_follows_it_without_being_loaded_again(
    client: Client, index: PackageIndex
) -> None:
    async with chromium() as browser, tab(browser, client.base) as watched:
        page = watched.page
        async with held_deployment(client, index, "watched") as url:
            await watched.open(f"/pages/deployments/{url.rpartition('/')[2]}")
            await page.evaluate("window.isSame = true")
            await page.locator("#head .status.Running").wait_for()
            await page.get_by_text("Dependencies are declared in requirements.txt").wait_for()
            await watched.check()
        await page.locator("#head .status.Success").wait_for()
        await page.get_by_text("INFO] Deployed.").wait_for()
        assert await page.evaluate("window.isSame")
        await watched.check()


async def test_a_form_whose_deployment_takes_long_leads_to_its_page(
    client: Client, index: PackageIndex, tmp_path: Path
) -> None:
    name = unique("typed-in")
    folder = tmp_path / name
    folder.mkdir()
    (folder / "run.py").write_text("import slow\n")
    (folder / "requirements.txt").write_text("slow\n")
    index.add(wheel("slow"))
    index.held.clear()
    try:
        async with chromium() as browser, tab(browser, client.base) as watched:
            page = watched.page
            await watched.open("/pages/new")
            await page.locator("#folder").set_input_files(folder)
            await page.get_by_role("button", name="Deploy", exact=True).click()
            await page.wait_for_url("**/pages/deployments/*")
            await page.locator("#head .status.Running").wait_for()
            index.held.set()
            await page.locator("#head .status.Success").wait_for()
            await page.get_by_role("link", name=name).first.click()
            await page.wait_for_url(f"**/pages/triggered/{name}")
            await watched.check()
    finally:
        index.held.set()


async def test_what_is_to_follow_a_long_deployment_follows_though_its_runner_is_killed(
    client: Client, prepared_stack: RunningStack, index: PackageIndex
) -> None:
    name = unique("followed")
    index.add(wheel("slower"))
    index.held.clear()
    try:
        package = zip_of({"run.py": "import slower\n", "requirements.txt": "slower\n"})
        form = aiohttp.FormData()
        form.add_field("file", package, filename="job.zip", content_type="application/zip")
        query = "schedule=0+0+2+1+1+*&then=run"
        begun = await client.post(f"/pages/triggered/{name}/files?{query}", data=form)
        page = begun.json["url"]  # after the 3 s that a form waits
        url = f"/api/deployments/{page.rpartition('/')[2].partition('?')[0]}"
        assert "follows when the job has this version" in (await client.get(page)).text
        await eventually(lambda: any("/files/slower" in path for path in index.requests), PATIENCE)
        prepared_stack.kill("runner")
    finally:
        index.held.set()
    await deployed_once(prepared_stack, client, url)
    log, run_id = (await client.get(f"{url}/log")).text, page.rpartition("=")[2]
    assert "begun again" in log and f"Run {run_id} is requested." in log
    assert f"/pages/triggered/{name}/history/{run_id}" in (await client.get(page)).text
    assert await client.json(f"/api/jobs/triggered/{name}/settings") == {"schedule": "0 0 2 1 1 *"}

    async def has_run() -> bool:
        runs = (await client.json(f"/api/triggeredwebjobs/{name}/history"))["runs"]
        return [(each["id"], each["status"]) for each in runs] == [(run_id, "Success")]

    await eventually(has_run, PATIENCE)
