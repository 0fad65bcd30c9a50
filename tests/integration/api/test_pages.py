"""The pages for people: what they show, what their buttons do, and that nothing in them is taken for HTML."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.stories import Run, at
from webjobs_events.cancel_request import decode_cancel_request
from webjobs_events.commands import DeleteJob, StartContinuousJob, StopContinuousJob
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.heartbeat import DiskReport, Heartbeat, encode_heartbeat
from webjobs_events.jetstream import Bus
from webjobs_events.refusal import Refusal, encode_refusal
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import Status

HOSTILE = "<script>alert(1)<"
HOSTILE_PATH = "%3Cscript%3Ealert(1)%3C"


async def page(api: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with api.get(path) as answer:
        assert answer.status == status, await answer.text()
        assert answer.content_type == "text/html"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return await answer.text()


async def test_the_first_page_lists_every_job_and_leads_to_its_page(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    assert "There is no job yet" in await page(api, "/")
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING})
    await page(api, "/pages/continuous/worker/")

    async def shows_both() -> bool:
        text = await page(api, "/")
        return '<a href="/pages/triggered/hello">hello</a>' in text and "worker" in text

    await eventually(shows_both)


async def test_the_page_of_a_job_says_why_it_does_not_run(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "idle", settings={"schedule": "0 0 8 * * *"})
    await backend.define(JobType.TRIGGERED, "disabled", settings={"enabled": False})
    assert "Why it does not run" not in await page(api, "/pages/triggered/idle")
    shown = await page(api, "/pages/triggered/disabled")
    assert "Why it does not run" in shown and "enabled is false in settings.job." in shown


async def test_settings_are_changed_by_a_form_that_keeps_what_it_does_not_know(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings={"mine": 1, "timeout": 60})
    shown = await page(api, "/pages/triggered/hello")
    (tag,) = set(re.findall(r'name="tag" value="([^"]+)"', shown))
    assert re.search(r'name="timeout" value="60"', shown)
    form = {"fields": "1", "tag": tag, "timeout": "90", "retry.max_attempts": "2", "enabled": ""}
    async with api.post("/pages/triggered/hello/settings", data=form, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
    async with api.get("/api/triggeredwebjobs/hello/settings") as answer:
        assert await answer.json() == {"mine": 1, "timeout": 90, "retry": {"max_attempts": 2}}
    async with api.post("/pages/triggered/hello/settings", data=form | {"timeout": "120"}) as answer:
        text = await answer.text()
        assert answer.status == 412 and re.search(r'name="timeout" value="120"', text)
    fresh = form | {"tag": "", "timeout": "soon"}
    async with api.post("/pages/triggered/hello/settings", data=fresh) as answer:
        text = await answer.text()
        assert answer.status == 400 and "timeout" in text and 'value="soon"' in text


async def test_a_run_is_asked_for_by_a_button_and_shown_with_its_end(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings={"stopping_wait_time": 7})
    assert "It never ran" in await page(api, "/pages/triggered/hello")
    form = {"arguments": "--name 'A <b>'"}
    async with api.post("/pages/triggered/hello/run", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/pages/triggered/hello")
    await eventually(lambda: "hello" in backend.held)
    assert backend.held["hello"].command.requested_by == "Dashboard"
    async with api.post("/pages/triggered/hello/run") as answer:
        assert answer.status == 409
        assert "already running" in await answer.text()
    await backend.end_run("hello", has_error_log=True)
    await eventually(lambda: backend.position == 3)
    text = await page(api, "/pages/triggered/hello")
    assert '"status Success"' in text and "exit code" not in text and "stopping_wait_time" in text
    assert "output_" in text and "error_" in text
    assert "<b>" not in text and "A &lt;b&gt;" in text


async def test_a_run_is_cancelled_by_its_button_which_it_has_until_it_has_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "a b")
    async with api.post("/pages/triggered/a%20b/run"):
        await eventually(lambda: backend.position == 2)
    run_id = backend.held["a b"].command.run_id
    button = f"/pages/triggered/a%20b/history/{run_id}/cancel"
    assert f'action="{button}?_once=' in await page(api, "/pages/triggered/a%20b")
    async with api.post(button, allow_redirects=False) as answer:
        run_page = f"/pages/triggered/a%20b/history/{run_id}"
        assert (answer.status, answer.headers["Location"]) == (303, run_page)
    key = Subjects.cancel_key("a b", run_id)
    request = await bus.leases.get(key)
    assert request is not None
    assert decode_cancel_request(key, request.value).evidence == "Cancelled by Dashboard."
    await backend.end_run("a b")
    await eventually(lambda: backend.position == 3)
    async with api.post(button) as answer:
        assert answer.status == 409
        text = await answer.text()
    assert "has ended already as Success" in text and button not in text
    async with api.post("/pages/triggered/a%20b/history/x/cancel") as answer:
        assert answer.status == 404
        assert "is not a run id" in await answer.text()


async def test_a_continuous_job_is_stopped_and_started_by_buttons(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING, "idead01": Status.RUNNING})
    text = await page(api, "/pages/continuous/worker")
    assert INSTANCE in text and "dead01" not in text and "/worker/stop" in text
    async with api.post("/pages/continuous/worker/stop") as answer:
        assert answer.status == 200
        assert "/worker/start" in await answer.text()
    assert isinstance(backend.seen[-1], StopContinuousJob)
    async with api.post("/pages/continuous/worker/start") as answer:
        assert answer.status == 200
        assert "/worker/stop" in await answer.text()
    assert isinstance(backend.seen[-1], StartContinuousJob)


async def test_names_are_never_taken_for_html(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, HOSTILE, script="<img src=x>.sh")
    for path in ("/", "/pages/runs", f"/pages/triggered/{HOSTILE_PATH}"):
        text = await page(api, path)
        assert HOSTILE not in text and "<img" not in text


async def test_an_unknown_job_has_a_page_that_says_so(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    assert "no triggered job named" in await page(api, "/pages/triggered/no", 404)
    assert HOSTILE not in await page(api, f"/pages/continuous/{HOSTILE_PATH}", 404)
    assert "not a job name" in await page(api, "/pages/continuous/%00", 400)


async def test_pages_say_what_is_away(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    backend.history_away = True
    assert "Postgres is away" in await page(api, "/pages/triggered/hello", 503)
    assert "Postgres is away" in await page(api, "/", 503)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:1"},
    ],
)
async def test_a_foreign_page_cannot_press_a_button(
    api: aiohttp.ClientSession, backend: FakeBackend, headers: dict[str, str]
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for path in ("/pages/triggered/hello/run", "/api/jobs/triggered/hello/run"):
        async with api.post(path, headers=headers) as answer:
            assert answer.status == 403
            assert "may not change" in await answer.text()
    async with api.get("/pages/triggered/hello", headers=headers) as answer:
        assert answer.status == 200
    assert backend.seen == []


async def test_our_own_page_can(api: aiohttp.ClientSession, api_url: str, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    headers = {"Origin": api_url, "Sec-Fetch-Site": "same-origin"}
    async with api.post("/pages/triggered/hello/run", headers=headers) as answer:
        assert answer.status == 200


async def test_every_page_runs_no_script_but_its_own(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for path in (
        "/",
        "/pages/runs",
        "/pages/events",
        "/pages/hooks",
        "/pages/system",
        "/pages/new",
        "/pages/triggered/hello",
        "/docs",
        "/docs/",
    ):
        async with api.get(path) as answer:
            policy, text = answer.headers["Content-Security-Policy"], await answer.text()
        nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
        scripts = re.findall("<script[^>]*>", text)
        assert scripts and all(f'nonce="{nonce}" src="/assets/' in script for script in scripts)
        assert "<style" not in text and "style=" not in text
        assert nonce not in await page(api, path), "each answer has a nonce of its own"
        assert "https://" not in text and not re.search('(src|href)="http', text)


async def test_assets_have_names_that_change_with_their_content(api: aiohttp.ClientSession) -> None:
    text = await page(api, "/")
    for address in re.findall('(?:src|href)="(/assets/[^"]+)"', text):
        async with api.get(address) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"]
            assert address.split(".")[1] == hashlib.sha256(await answer.read()).hexdigest()[:12]
    async with api.get("/assets/style.000000000000.css") as answer:
        assert answer.status == 404


async def test_the_page_sends_only_the_regions_that_are_asked_for(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    text = await page(api, "/pages/triggered/hello?_regions=head,runs,no")
    assert re.findall('<section id="([a-z]+)"', text) == ["head", "runs"]
    assert "<html" not in text


async def test_of_a_list_only_the_rows_that_are_asked_for_are_sent_whole(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("hello", "a b"):
        await backend.define(JobType.TRIGGERED, name)
        async with api.post(f"/api/jobs/triggered/{name}/run") as answer:
            assert answer.status == 202
    await eventually(lambda: backend.position == 4)
    for path, row in (
        ("/", "job-triggered-a%20b"),
        ("/pages/runs", "run-a%20b-[0-9]+"),
        ("/pages/events", "event-4"),
    ):
        (row,) = re.findall(f'<tr id="({row})"', await page(api, path))
        text = await page(api, f"{path}?_regions=jobs,list&_rows={quote(row)},no")
        rows = dict(re.findall(r'<tr id="([^"]+)">(.*?)</tr>', text, re.DOTALL))
        assert [each for each, cells in rows.items() if cells.strip()] == [row], path
        assert len(rows) > 1, "the others say where they are"
        assert "<td" in await page(api, f"{path}?_rows="), "only with the regions that are asked for"


async def test_the_page_of_a_run_shows_what_it_used_and_where_its_first_error_is(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post("/pages/triggered/hello/run"):
        await eventually(lambda: backend.position == 2)
    run_id = backend.held["hello"].command.run_id
    address = f"/pages/triggered/hello/history/{run_id}"
    words = ("CPU time", "Peak memory", "errors from")
    text = await page(api, address)
    assert not any(word in text for word in words), "nothing is known before its end"
    used = {"cpu_seconds": 90.5, "peak_memory_bytes": 52_428_800, "log_lines": 1234, "first_error_line": 7}
    await backend.end_run("hello", exit_code=3, **used)
    await eventually(lambda: backend.position == 3)
    text = await page(api, address)
    assert all(word in text for word in (*words, "1 m 30 s", "52 MB", "1,234 lines"))
    assert f'href="{address}?line=7#L7"' in text
    (twin,) = re.findall(r'<a href="([^"]+)">This run as JSON', text)
    async with api.get(twin) as answer:
        assert (await answer.json())["cpu_seconds"] == 90.5


async def test_a_run_has_a_page_with_its_log_and_leads_to_the_next_one(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post("/pages/triggered/hello/run", data={"arguments": "--name Ada"}):
        await eventually(lambda: backend.position == 2)
    run_id = backend.held["hello"].command.run_id
    await backend.end_run("hello")
    await eventually(lambda: backend.position == 3)
    text = await page(api, f"/pages/triggered/hello/history/{run_id}")
    assert "--name Ada" in text and "by request" in text and f"/history/{run_id}/rerun" in text
    async with api.post(
        f"/pages/triggered/hello/history/{run_id}/rerun",
        data={"arguments": "--name Bo"},
        allow_redirects=False,
    ) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/pages/triggered/hello/history/")
    await eventually(lambda: "hello" in backend.held)
    command = backend.held["hello"].command
    assert (command.arguments, command.rerun_of) == ("--name Bo", run_id)
    assert "has no run" in await page(api, "/pages/triggered/hello/history/202601010000000000", 404)


async def test_the_system_page_shows_runners_queue_streams_and_what_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    backend.may_take_runs.clear()
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        assert answer.status == 202
    refusal = Refusal(
        job_type=JobType.TRIGGERED,
        folder_name=HOSTILE,
        reason="<img src=x> is no script",
        at=datetime.now(UTC),
        instance=INSTANCE,
    )
    key = Subjects.refusal_key(INSTANCE, JobType.TRIGGERED, HOSTILE)
    await bus.leases.put(key, encode_refusal(refusal))
    disk = DiskReport(free=3_000_000, total=400_000_000, reserve=20_000_000, is_low=True)
    await bus.broadcast(bus.subjects.heartbeat(INSTANCE), encode_heartbeat(Heartbeat(boot="1", disk=disk)))
    await eventually(lambda: _shows(api, "/pages/system", "is no script", "3.0 MB of 400 MB", "Disk low"))
    text = await page(api, "/pages/system")
    assert f'id="runner-{INSTANCE}"' in text and "Up to date" in text and "1 run waiting" in text
    commands = text.split(f'id="stream-{bus.subjects.commands_stream}"')[1].split("</tr>")[0]
    assert '<td data-label="Messages" class="number">1</td>' in commands and "one unfinished" in commands
    assert HOSTILE not in text and "<img" not in text
    backend.history_away = True
    await backend.fall_silent()
    await eventually(
        lambda: _shows(api, "/pages/system", "Postgres is away", "No runner is alive", "one unfinished")
    )


async def _shows(api: aiohttp.ClientSession, path: str, *texts: str) -> bool:
    text = await page(api, path)
    return all(each in text for each in texts)


async def test_the_schedule_page_shows_what_became_of_due_times_and_the_next_ones(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    for name in ("a", "b", "c", "d", HOSTILE):
        settings = {"schedule": "0 0 23 * * *", "time_zone": "Asia/Tokyo"}
        await backend.define(JobType.TRIGGERED, name, settings=settings)
    await backend.define(JobType.TRIGGERED, "rare", settings={"schedule": "0 */10 * * * *"})
    await backend.define(JobType.TRIGGERED, "off", settings={"schedule": "0 0 1 * * *", "enabled": False})
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day, outcome in ((today, TickOutcome.RAN), (today - timedelta(days=1), TickOutcome.MISSED)):
        await bus.publish_event(
            ScheduleTicked(
                at=day,
                instance=INSTANCE,
                job_name=JobName("rare"),
                due=day,
                outcome=outcome,
                run_id=run_id_at(day) if outcome is TickOutcome.RAN else None,
                reason="<img src=x>",
                schedule="0 */10 * * * *",
                time_zone="UTC",
            )
        )
    await eventually(lambda: _shows(api, "/pages/schedule", 'href="/pages/triggered/rare"', "1 ran", "d</a>"))
    text = await page(api, "/pages/schedule")
    assert "every day at 23:00:00" in text and "every 10 minutes" in text
    job_page = await page(api, "/pages/triggered/rare")
    assert "Every 10 minutes in UTC: <code>0 */10 * * * *</code>" in job_page
    assert f"/pages/triggered/rare/history/{run_id_at(today)}" in text and "1 missed" not in text
    assert "Asia/Tokyo" in text and "/pages/triggered/off" not in text
    assert f"6 jobs at {today:%Y-%m-%d} 14:00:00 UTC" in text
    assert HOSTILE not in text and "<img" not in text
    later = await page(api, f"/pages/schedule?day={today + timedelta(days=30):%Y-%m-%d}&after=d")
    assert "/pages/triggered/a" not in later and "1 ran" not in later and "and more" in later
    for day in ("no", "0001-01-01", "2026-02-30", "9999-12-31", HOSTILE_PATH):
        assert "is no day" in await page(api, f"/pages/schedule?day={day}", 400)
    tokyo = await page(api, f"/pages/schedule?day={today + timedelta(days=1):%Y-%m-%d}&zone=Asia/Tokyo")
    assert "in Asia/Tokyo" in tokyo and "next at 23:00" in tokyo and "1 ran" not in tokyo
    for zone in ("Mars/Base", "../etc/passwd", HOSTILE_PATH):
        assert "is no time zone" in await page(api, f"/pages/schedule?zone={zone}", 400)


async def test_the_schedule_page_shows_how_the_runs_of_due_times_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    run = Run(1, "nightly")
    due = at(0)
    await backend.define(JobType.TRIGGERED, "nightly", settings={"schedule": "0 0 0 * * *"})
    tick = ScheduleTicked(
        at=due,
        instance=INSTANCE,
        job_name=JobName("nightly"),
        due=due,
        outcome=TickOutcome.RAN,
        run_id=run.run_id,
        reason="",
        schedule="0 0 0 * * *",
        time_zone="UTC",
    )
    for event in (tick, run.initializing(scheduled_for=due), run.running(), run.failed(exit_code=3)):
        await bus.publish_event(event)
    path = f"/pages/schedule?day={due:%Y-%m-%d}"
    await eventually(lambda: _shows(api, path, "1 failed", 'class="Failed" d="M'))
    backend.history_away = True
    await eventually(lambda: _shows(api, path, "1 ran", "is not known here"))


async def test_app_settings_are_set_and_removed_on_a_page_that_shows_no_value(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    assert "No app setting is set" in await page(api, "/pages/settings")
    for name, value in (("GREETING", "canary-<b>"), ("WEBJOBS_HISTORY_SIZE", "7")):
        form = {"name": name, "value": value}
        async with api.post("/pages/settings", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/pages/settings")
    stored = await bus.settings.get("GREETING")
    assert stored is not None and stored.value == b"canary-<b>"
    text = await page(api, "/pages/settings")
    assert "GREETING" in text and "canary" not in text and "Runs kept of each" in text
    refused = {"": "", HOSTILE: "x", "WEBJOBS_HISTORY_SIZE": "canary", "WEBJOBS_PORT": "1"}
    for name, value in refused.items():
        async with api.post("/pages/settings", data={"name": name, "value": value}) as answer:
            text = await answer.text()
            assert answer.status == 400 and 'role="alert"' in text and HOSTILE not in text
            assert '<input type="hidden" name="next" value="/pages/settings">' in text
    for _ in range(2):
        async with api.post("/pages/settings/GREETING/delete", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/pages/settings")
    assert "GREETING" not in await page(api, "/pages/settings")
    async with api.post(f"/pages/settings/{HOSTILE_PATH}/delete") as answer:
        assert answer.status == 400 and HOSTILE not in await answer.text()


async def test_what_needs_attention_is_acknowledged_and_withdrawn_by_forms(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "bad")
    async with api.post("/api/jobs/triggered/bad/run") as answer:
        assert answer.status == 202
    await eventually(lambda: "bad" in backend.held)
    await backend.end_run("bad", exit_code=3)
    await eventually(lambda: _shows(api, "/", "<title>(1) Jobs", 'aria-label="Acknowledge: bad"'))
    form = {"type": "triggered", "job": "bad", "kind": "failed", "until": "hour", "back": "/?filter=failed"}
    for wrong in (
        {"until": "never"},
        {"until": ""},
        {"kind": HOSTILE},
        {"type": "both"},
        {"job": "a/b"},
        {"kind": "refused"},
        {"job": ""},
    ):
        async with api.post("/pages/acknowledgements", data=form | wrong | {"note": HOSTILE}) as answer:
            text = await answer.text()
            assert answer.status in (400, 404, 409) and 'role="alert"' in text and HOSTILE not in text, wrong
    async with api.post("/pages/acknowledgements", data={"note": "Kept.", **form, "until": "x"}) as answer:
        assert 'value="Kept."' in await answer.text()
    address = "/pages/acknowledgements"
    async with api.post(address, data={**form, "note": HOSTILE}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/?filter=failed")
    text = await page(api, "/")
    assert "1 acknowledged" in text and "<title>Jobs" in text and HOSTILE not in text
    (leads,) = re.findall(r'action="(/pages/acknowledgements/[\w-]+/withdraw)\?_once=[\w-]+"', text)
    form = {"back": "//elsewhere.example/"}
    async with api.post(leads, data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    async with api.post(leads, data=form) as answer:
        assert answer.status == 404
    assert "<title>(1) Jobs" in await page(api, "/")


async def test_a_form_that_is_not_taken_keeps_what_was_typed(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings={"timeout": 60})
    address = "/pages/triggered/hello"
    (tag,) = set(re.findall(r'name="tag" value="(\w+)"', await page(api, address)))
    shown_again = {"settings": ('{"timeout": ', ">{&#34;timeout&#34;: <"), "schedule": ("often", '"often"')}
    for name, (value, shown) in shown_again.items():
        async with api.post(f"{address}/settings", data={name: value, "tag": tag}) as answer:
            text = await answer.text()
        assert answer.status == 400 and 'role="alert"' in text and shown in text
    changed_meanwhile = {"timeout": 7}
    async with api.put("/api/jobs/triggered/hello/settings", json=changed_meanwhile) as answer:
        assert answer.status == 200
    typed = {"settings": '{"timeout": 90}', "tag": tag}
    async with api.post(f"{address}/settings", data=typed) as answer:
        text = await answer.text()
    assert answer.status == 412 and "{&#34;timeout&#34;: 90}" in text
    async with api.get("/api/jobs/triggered/hello/settings") as answer:
        assert await answer.json() == changed_meanwhile
    (tag,) = set(re.findall(r'name="tag" value="(\w+)"', text))
    async with api.post(f"{address}/settings", data=typed | {"tag": tag}, allow_redirects=False) as answer:
        assert answer.status == 303
    async with api.get("/api/jobs/triggered/hello/settings") as answer:
        assert await answer.json() == {"timeout": 90}


async def test_the_clock_of_pages_is_chosen_once(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    form = {"clock": "local", "zone": "Europe/Berlin", "next": "/pages/triggered/hello"}
    async with api.post("/pages/clock", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/pages/triggered/hello")
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    async with api.get("/pages/triggered/hello", headers={"Cookie": cookie}) as answer:
        assert "Europe/Berlin" in await answer.text()
    async with api.post(
        "/pages/clock", data={"clock": "x", "next": "//evil"}, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == "/"


async def test_instants_in_sentences_are_times_that_follow_the_clock(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.TRIGGERED, "slow")
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING})
    for exit_code in (0, 3):
        async with api.post("/api/jobs/triggered/hello/run"):
            await eventually(lambda: "hello" in backend.held)
        await backend.end_run("hello", exit_code=exit_code)
    async with api.post("/api/jobs/triggered/slow/run"):
        await eventually(lambda: "slow" in backend.held)
    run = f"/pages/triggered/slow/history/{backend.held['slow'].command.run_id}"
    a_time = r'<time datetime="[^"]+"[^>]* tabindex="-1">([^<]+)</time>'
    sentences = {
        "/": rf"Exit code 3; last success {a_time}\.",
        "/pages/triggered/hello": rf"Failed {a_time}: exit code 3; last success {a_time}\.",
        "/pages/triggered/slow": rf"Running since {a_time}\.",
        run: rf"Runs (?:for |since ){a_time}\.",
        "/pages/continuous/worker": rf"Running (?:since )?{a_time} on 1 of 1 runner\.",
    }
    for path, sentence in sentences.items():
        await eventually(lambda: _shows(api, path, "<time"))  # noqa: B023
        text = await page(api, path)
        found = re.search(sentence, text)
        assert found, (sentence, text)
        rest = re.sub(f'{a_time}|title="[^"]*"', "", text)
        assert not re.search(r"\d (s|min|h|d) ago", rest), "an age outside of <time> stands still"
        async with api.get(path, headers={"Cookie": "webjobs_clock=utc~"}) as answer:
            found = re.search(sentence, await answer.text())
        assert found and all(each.endswith(" UTC") for each in found.groups())
    async with api.get("/api/overview") as answer:
        [reason] = (await answer.json())["attention"]
    assert re.fullmatch(r"Exit code 3; last success (just now|\d+ s ago)\.", reason["text"])


async def test_a_job_is_deleted_by_a_form_that_repeats_its_name(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post("/pages/triggered/hello/delete", data={"name": "hullo"}) as answer:
        assert answer.status == 400
        assert "Nothing was deleted" in await answer.text()
    form = {"name": "hello"}
    async with api.post("/pages/triggered/hello/delete", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert isinstance(backend.seen[-1], DeleteJob)
    await page(api, "/pages/triggered/hello", 404)
