"""Actions on many jobs or runs by the check boxes of their lists."""

import re
from html import unescape

import aiohttp
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_events.commands import DeleteJob, PatchJobSettings, RunTriggeredJob, StopContinuousJob
from webjobs_rules.job import JobType

JOBS, RUNS = "/pages/jobs/actions", "/pages/runs/actions"
Form = list[tuple[str, str]]


async def sent(api: aiohttp.ClientSession, path: str, form: Form, status: int = 200) -> str:
    async with api.post(path, data=aiohttp.FormData(form)) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return text


def form_of(text: str) -> Form:
    """The fields that the form of a question sends when its button is pressed."""
    (form,) = re.findall(r'<form method="post" action="/pages/\w+/actions[^"]*".*?</form>', text, re.DOTALL)
    found = re.findall(r'name="(\w+)" value="([^"]*)"', form)
    return [(name, unescape(value)) for name, value in found]


async def shown(api: aiohttp.ClientSession, path: str) -> str:
    async with api.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def test_checked_jobs_are_disabled_after_a_question_and_each_failure_is_listed(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("one", "it's <b>", "gone"):
        await backend.define(JobType.TRIGGERED, name)
    await backend.define(JobType.CONTINUOUS, "worker")
    text = await shown(api, "/")
    assert 'href="/?select=1"' in text and 'name="job"' not in text
    text = await shown(api, "/?select=1&text=o")
    values = re.findall(r'name="job" value="([^"]+)"', text)
    assert values == ["triggered/gone", "triggered/one", "continuous/worker"]
    assert "All 3 jobs that match" in text
    assert "/run" not in text.split('id="jobs"')[1], "a row has no other buttons"

    checked = [("job", unescape(each)) for each in [*values, "triggered/it&#39;s &lt;b&gt;"]]
    text = await sent(api, JOBS, [("action", "disable"), ("text", "o"), *checked])
    assert "<h1>Disable: 4 jobs?</h1>" in text and "it's <b>" not in text
    assert "curl -H" in text and 'href="/?text=o&amp;select=1"' in text
    assert not backend.seen, "a question does nothing"
    async with api.delete("/api/jobs/triggered/gone") as answer:
        assert answer.status == 200
    text = await sent(api, JOBS, form_of(text))
    assert "<h1>Disable: done for 3 of 4 jobs</h1>" in text
    assert "no triggered job named" in text and 'href="/pages/triggered/gone"' in text
    kinds = [type(each) for each in backend.seen if not isinstance(each, DeleteJob)]
    assert sorted(each.__name__ for each in kinds) == ["PatchJobSettings"] * 2 + ["StopContinuousJob"]
    assert {PatchJobSettings, StopContinuousJob} == set(kinds)
    assert form_of(text) == [("action", "disable"), ("job", "triggered/gone"), ("text", "o")]


async def test_all_that_match_are_counted_again_and_another_number_is_asked_again(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("report-1", "report-2", "other"):
        await backend.define(JobType.TRIGGERED, name)
    asked = [("action", "run"), ("all", "1"), ("text", "report"), ("filter", ""), ("job", "triggered/other")]
    question = form_of(await sent(api, JOBS, asked))
    assert question == [("action", "run"), ("all", "1"), ("text", "report"), ("count", "2")]
    await backend.define(JobType.TRIGGERED, "report-3")
    text = await sent(api, JOBS, question, 409)
    assert "2 jobs matched when the question was asked, and 3 now" in text
    assert not backend.seen
    text = await sent(api, JOBS, form_of(text))
    assert "<h1>Run: done for 3 jobs</h1>" in text and "Nothing failed" in text
    runs = [each for each in backend.seen if isinstance(each, RunTriggeredJob)]
    assert sorted(each.job_name for each in runs) == ["report-1", "report-2", "report-3"]
    assert {each.requested_by for each in runs} == {"Dashboard"}


async def test_what_needs_attention_of_many_jobs_is_acknowledged_with_a_term_and_a_note(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name, exit_code in (("bad", 3), ("good", 0)):
        await backend.define(JobType.TRIGGERED, name)
        async with api.post(f"/api/jobs/triggered/{name}/run") as answer:
            assert answer.status == 202
        await eventually(lambda name=name: name in backend.held)
        await backend.end_run(name, exit_code=exit_code)
    text = await sent(api, JOBS, [("action", "acknowledge"), ("all", "1")])
    assert '<select id="until"' in text and "Acknowledge: 2 jobs?" in text
    terms = [("until", "hour"), ("note", "known <b>")]
    assert "which has passed" in unescape(
        await sent(api, JOBS, [*form_of(text), ("until", "2020-01-01T00:00:00Z")], 400)
    )
    text = await sent(api, JOBS, [*form_of(text), *terms])
    assert "Acknowledge: done for 1 of 2 jobs" in text and 'href="/pages/triggered/good"' in text
    async with api.get("/api/acknowledgements") as answer:
        (given,) = await answer.json()
    assert (given["job"], given["note"]) == ("bad", "known <b>") and given["until"].startswith("20")


async def test_what_cannot_be_asked_is_refused_with_the_way_back(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for path, form, status, says in (
        (JOBS, [("action", "run")], 400, "No job is checked"),
        (JOBS, [("action", "run"), ("all", "1"), ("text", "nothing")], 400, "No job is checked, or none"),
        (JOBS, [("action", "run"), ("all", "1"), ("filter", "broken")], 400, "selects no jobs"),
        (JOBS, [("action", "explode"), ("all", "1")], 400, "explode"),
        (JOBS, [("action", "run"), ("job", "triggered/hello"), ("count", "x")], 400, "a number is wanted"),
        (RUNS, [("action", "cancel")], 400, "No run is checked"),
        (RUNS, [("action", "cancel"), ("all", "1")], 400, "No run is checked, or none"),
        (RUNS, [("action", "cancel"), ("all", "1"), ("since", "yesterday")], 400, "selects no runs"),
        (RUNS, [("action", "rerun"), ("run", "x")], 400, "is no run such as"),
    ):
        text = await sent(api, path, form, status)
        assert says in unescape(text) and "Back to the list" in text, form
    backend.history_away = True
    await sent(api, JOBS, [("action", "run"), ("all", "1")], 503)
    assert not backend.seen


async def test_runs_are_cancelled_and_run_again_by_their_check_boxes(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("one", "two", "three"):
        await backend.define(JobType.TRIGGERED, name)
        async with api.post(f"/api/jobs/triggered/{name}/run", json={"arguments": f"--of {name}"}) as answer:
            assert answer.status == 202
        await eventually(lambda name=name: name in backend.held)
    ids = {name: held.command.run_id for name, held in backend.held.items()}
    await backend.end_run("three", exit_code=3)
    text = await shown(api, "/pages/runs?select=1")
    values = re.findall(r'name="run" value="([^"]+)"', text)
    assert values == [f"{ids[name]}/{name}" for name in ("three", "two", "one")]
    assert 'name="select" value="1"' in text, "the filter stays in this mode"

    # All that match: only those that have not ended, and none that was requested after the question.
    question = await sent(api, RUNS, [("action", "cancel"), ("all", "1"), ("job", "")])
    assert "Cancel: 2 runs?" in question
    await backend.define(JobType.TRIGGERED, "late")
    async with api.post("/api/jobs/triggered/late/run") as answer:
        assert answer.status == 202
    assert "Cancel: done for 2 runs" in await sent(api, RUNS, form_of(question))
    for name in ("one", "two"):
        assert await backend.bus.leases.get(backend.bus.subjects.cancel_key(name, ids[name])) is not None
        await backend.end_run(name)

    question = await sent(api, RUNS, [("action", "rerun"), *(("run", each) for each in values)])
    assert "Run again: 3 runs?" in question and f"one {ids['one']}" in question.replace("<wbr>", "")
    async with api.delete("/api/jobs/triggered/two") as answer:
        assert answer.status == 200
    text = await sent(api, RUNS, form_of(question))
    assert "Run again: done for 2 of 3 runs" in text and "no triggered job named" in text
    again = [each for each in backend.seen if isinstance(each, RunTriggeredJob) and each.rerun_of]
    assert {each.arguments for each in again} >= {"--of one", "--of three"}
