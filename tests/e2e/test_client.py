"""The contract of the Python client: both clients do everything over HTTP against the real stack."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from support.background import in_background
from support.both_clients import EitherClient, called, either_client, items_of
from support.client import unique
from support.eventually import eventually
from support.stack import RunningStack, webjobs_up
from webjobs_client import (
    AlreadyRunning,
    ChangedMeanwhile,
    Conflict,
    InvalidRequest,
    JobNotFound,
    NotFound,
    RunNotFound,
    TimedOut,
    Unauthorized,
)

WAIT = 40.0
ROOT = Path(__file__).parents[2]
NAME, PASSWORD = "ann", "secret: ü"


@pytest.fixture(scope="module")
def protected_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    data = tmp_path_factory.mktemp("client") / "data"
    settings = {"WEBJOBS_USERNAME": NAME, "WEBJOBS_PASSWORD": PASSWORD, "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true"}
    with in_background(webjobs_up(data, **settings)) as running:
        yield running


@pytest_asyncio.fixture(params=["sync", "async"])
async def client(
    request: pytest.FixtureRequest, protected_stack: RunningStack
) -> AsyncIterator[EitherClient]:
    async with either_client(request.param, protected_stack.url, NAME, PASSWORD) as speaking:
        yield speaking


async def deployed(client: EitherClient, script: str, job_type: str = "triggered", **settings: object) -> str:
    name = unique("client job")
    await client.do("deploy", name, script.encode(), file_name="run.sh", job_type=job_type)
    if settings:
        await client.do("put_settings", name, settings, job_type=job_type)
    return name


async def test_a_run_is_started_waited_for_and_read(client: EitherClient, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    (folder / "run.sh").write_text('printf "<%s>\\n" "$@"; ls -a; exit 3\n')
    sent: list[int] = []
    name = unique("größe a/b".replace("/", "-"))
    job = await client.do("deploy", name, folder, progress=sent.append)
    assert (job.name, job.run_command, job.warnings) == (name, "run.sh", [])
    assert sent[0] == 0 < sent[-1]

    run = await client.do("run", name, ["a b", "", "it's", "$HOME", "ü\n2"])
    assert await called(run.wait, WAIT) is run
    assert (run.status, run.exit_code, run.reason, run.has_ended) == ("Failed", 3, "exit_code", True)
    log = await called(run.log)
    assert (
        "<a b>" in log and "<>" in log and "<it's>" in log and "<$HOME>" in log and "__pycache__" not in log
    )
    assert await items_of(run.logs) == log.rstrip("\n").split("\n")

    rerun = await called(run.rerun, [])
    await called(rerun.wait, WAIT)
    assert rerun.details.rerun_of == run.id and rerun.details.arguments is None
    found = await client.do("find_run", name, run.id)
    assert found.details.ended_at - found.details.started_at < timedelta(seconds=WAIT)
    assert found.details.seconds > 0 and found.details.cpu_seconds is not None
    assert [each.id for each in await client.items("runs", name)] == [rerun.id, run.id]
    assert [each.id for each in await client.items("runs", name, limit=1)] == [rerun.id]
    assert await client.items("runs", name, since=datetime.now(UTC) + timedelta(days=1)) == []

    window = await client.do("log_window", name, run.id, tail=1)
    assert window.ended and window.total == len(window.lines) - 1 + window.first
    matches = await client.do("log_search", name, run.id, "IT'S")
    assert matches.count == 1


async def test_a_log_is_followed_while_it_is_written(client: EitherClient) -> None:
    name = await deployed(client, "for i in 1 2 3; do echo line $i; sleep 0.3; done")
    run = await client.do("run", name)
    lines = await items_of(run.logs)
    assert [line.partition("INFO] ")[2] for line in lines if ": INFO]" in line] == [
        "line 1",
        "line 2",
        "line 3",
    ]
    await called(run.refresh)
    assert run.status == "Success"


async def test_a_job_that_runs_already(client: EitherClient) -> None:
    name = await deployed(client, "sleep ${1:-60}", stopping_wait_time=1)
    first = await client.do("run", name)
    with pytest.raises(AlreadyRunning) as raised:
        await client.do("run", name)
    assert raised.value.code == "already_running" and raised.value.remedy == "Wait until its run has ended."
    joined = await client.do("run", name, if_running="join")
    assert joined.joined and joined.id == first.id
    with pytest.raises(TimedOut):
        await called(joined.wait, 0.2)
    second = await client.do("run", name, ["0"], if_running="queue")
    assert second.id != first.id and not second.joined
    await called(joined.cancel)
    await called(first.wait, WAIT)
    assert (first.status, first.reason) == ("Aborted", "cancelled")
    await called(second.wait, WAIT)
    assert second.status == "Success"
    with pytest.raises(Conflict):
        await called(second.cancel)


async def test_one_key_starts_one_run(client: EitherClient) -> None:
    name = await deployed(client, "exit 0")
    key = unique("key")
    first = await client.do("run", name, ["1"], idempotency_key=key)
    again = await client.do("run", name, ["1"], idempotency_key=key)
    assert again.id == first.id
    with pytest.raises(InvalidRequest):
        await client.do("run", name, ["2"], idempotency_key=key)


async def test_settings_are_read_and_changed(client: EitherClient) -> None:
    name = await deployed(client, "exit 0")
    await client.do("put_settings", name, {"schedule": "0 0 2 * * *", "extra": 1})
    before = await client.do("settings", name)
    assert before.values == {"schedule": "0 0 2 * * *", "extra": 1}
    await client.do("patch_settings", name, {"extra": None}, if_match=before.etag)
    with pytest.raises(ChangedMeanwhile):
        await client.do("put_settings", name, {}, if_match=before.etag)
    assert (await client.do("settings", name)).values == {"schedule": "0 0 2 * * *"}
    with pytest.raises(InvalidRequest, match="schedule"):
        await client.do("patch_settings", name, {"schedule": "nonsense"})
    schedule = await client.do("schedule", name, next=3)
    assert len(schedule.next) == 3 and schedule.next[0].due == schedule.next[0].local

    key = unique("GREETING").replace("-", "_")
    await client.do("set_app_settings", {key: "hello"})
    assert await client.do("app_setting", key) == "hello"
    assert (await client.do("app_settings"))[key] == "hello"
    await client.do("delete_app_setting", key)
    with pytest.raises(NotFound):
        await client.do("app_setting", key)


async def test_versions_are_restored(client: EitherClient) -> None:
    name = await deployed(client, "echo one")
    await client.do("deploy", name, b"echo two", file_name="run.sh")
    new, old = await client.do("versions", name)
    assert new.is_current and not old.is_current
    diff = await client.do("version_diff", name, new.digest)
    assert diff["against"] == old.digest
    await client.do("restore", name, old.digest[:8])
    assert next(v for v in await client.do("versions", name) if v.is_current).digest == old.digest


async def test_continuous_jobs(client: EitherClient) -> None:
    name = await deployed(client, "echo begun; sleep 600", "continuous")

    async def is_(status: str) -> None:
        async def has_it() -> bool:
            job = await client.do("job", name, job_type="continuous")
            assert job.status == status, job
            return True

        await eventually(has_it, WAIT, interval=0.1)

    await is_("Running")
    await client.do("stop", name)
    await is_("Stopped")
    with pytest.raises(Conflict):
        await client.do("restart", name)
    await client.do("start", name)
    await is_("Running")
    await client.do("restart", name)

    async def has_log() -> bool:
        assert "begun" in await client.do("job_log", name)
        return True

    await eventually(has_log, WAIT, interval=0.1)
    await client.do("delete", name, job_type="continuous")
    with pytest.raises(JobNotFound):
        await client.do("job", name, job_type="continuous")


async def test_events_are_followed(client: EitherClient) -> None:
    name = await deployed(client, "exit 0")
    following = asyncio.create_task(
        client.items("events", job=name, event=["Running", "Success"], from_first=True, most=2)
    )
    run = await client.do("run", name)
    async with asyncio.timeout(WAIT):
        started, ended = await following
    assert (started.name, ended.name) == ("Running", "Success")
    assert ended.data["run_id"] == run.id and ended.sequence > started.sequence and ended.id
    async with asyncio.timeout(WAIT):
        assert await client.items("events", job=name, after=started.sequence, most=1) == [ended]


async def test_all_jobs(client: EitherClient) -> None:
    name = await deployed(client, "exit 1")
    run = await client.do("run", name)
    await called(run.wait, WAIT)

    async def is_listed() -> bool:
        rows = await client.items("jobs", text=name, filter="failed")
        assert [(row.job, row.status, row.latest.run_id) for row in rows] == [(name, "Failed", run.id)]
        return True

    await eventually(is_listed, WAIT, interval=0.1)
    overview = await client.do("overview", limit=1)
    assert overview.counts["jobs"] >= 1
    assert "no_schedule" in [cause.code for cause in await client.do("why", name)]
    given = await client.do("acknowledge", name, kinds=["failed"], until="forever", note="known")
    assert given in await client.do("acknowledgements")
    await client.do("withdraw_acknowledgement", given.id)
    assert given not in await client.do("acknowledgements")
    done = await client.do("bulk_runs", "cancel", [(name, run.id)])
    assert done.done == 0 and done.failures[0].status == 409
    assert (await client.do("bulk_runs", "rerun", [(name, run.id)])).done == 1
    result = await client.do("bulk", "cancel", [("triggered", name)])
    assert result.done + len(result.failures) == 1
    assert (await client.do("health")).is_ready
    assert isinstance(await client.do("refusals"), list)
    answer = await client.do("request", "GET", "/api/triggeredwebjobs")
    assert answer.status == 200 and name.encode() in answer.body


async def test_hooks(client: EitherClient) -> None:
    url = f"http://127.0.0.1:9/{unique('hook')}"
    hook = await client.do("add_hook", url, "Failed", job_type="triggered", secret="whsec_c2VjcmV0")
    assert hook.is_signed and hook in await client.do("hooks")
    assert (await client.do("change_hook", hook.id, {"event": "Aborted,Failed"})).event == "Aborted,Failed"
    delivery = await client.do("test_hook", hook.id)
    assert delivery.outcome == "failed"
    assert (await client.do("hook_deliveries", hook.id))[0].delivery_id == delivery.delivery_id
    with pytest.raises(Conflict) as raised:
        await client.do("acknowledge_hook", hook.id, until="forever", note="known")
    assert hook.id in str(raised.value)  # a call of `test_hook` is none that keeps failing
    await client.do("delete_hook", hook.id)
    with pytest.raises(NotFound):
        await client.do("hook", hook.id)


async def test_errors(client: EitherClient, protected_stack: RunningStack) -> None:
    name = await deployed(client, "exit 0")
    with pytest.raises(JobNotFound):
        await client.do("run", unique("none"))
    with pytest.raises(RunNotFound):
        await client.do("find_run", name, "202601020304050000")
    with pytest.raises(InvalidRequest):
        await client.do("deploy", name, b"PK\x03\x04 no archive")
    kind = "async" if "Async" in repr(client.client) else "sync"
    async with either_client(kind, protected_stack.url, NAME, "wrong") as stranger:
        with pytest.raises(Unauthorized) as raised:
            await stranger.do("job", name)
        assert "wrong" not in f"{raised.value!r} {stranger.client!r}"


def test_the_examples_of_the_page(
    protected_stack: RunningStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (ROOT / "docs" / "client.md").read_text()
    (tmp_path / "job_folder").mkdir()
    (tmp_path / "job_folder" / "run.sh").write_text('echo "$@"; exit 3')
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in page.split("```python\n")[1:]:
        example = block.split("```")[0]
        example = example.replace("http://127.0.0.1:8080", protected_stack.url).replace(
            '"secret"', repr(PASSWORD)
        )
        exec(example, names)
    names["client"].close()  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    assert "run.sh []" in printed and "Failed 3 exit_code" in printed and ": INFO] hello Ann B" in printed
    assert "\n3\n" in printed and "job_not_found There is no triggered job named 'no such job'." in printed


async def test_the_examples_of_the_page_about_reports(client: EitherClient) -> None:
    page = (ROOT / "docs" / "scripts.md").read_text()
    for language, file in (("sh", "run.sh"), ("python", "run.py")):
        name = unique(f"example-{language}")
        await client.do(
            "deploy", name, page.split(f"```{language}\n")[1].split("```")[0].encode(), file_name=file
        )
        await client.do("put_settings", name, {"env": {"PYTHONPATH": str(ROOT / "libs" / "job")}})
        run = await client.do("run", name)
        await called(run.wait, WAIT)
        assert (run.status, run.result["rows"]) == ("Success", 1204), await called(run.log)
        assert run.progress in [(0.8, "writing"), (0.5, "half of it")]


async def test_a_script_reports_its_result_and_how_far_it_is(
    client: EitherClient, protected_stack: RunningStack
) -> None:
    script = """
        echo "25% loading <b>" >> "$WEBJOBS_PROGRESS_FILE"
        while [ ! -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done
        printf '0.9 almost' >> "$WEBJOBS_PROGRESS_FILE"
        printf '%s' "$1" > "$WEBJOBS_RESULT_FILE"
        exit 5
    """
    name = await deployed(client, script)
    go = protected_stack.data / "data" / "jobs" / "triggered" / name / "go"
    run = await client.do("run", name, ['{"rows": [1, null, "\\u00fc"]}'])

    async def is_loading() -> bool:
        await called(run.refresh)
        assert run.progress == (0.25, "loading <b>"), run.details
        return True

    await eventually(is_loading, WAIT, interval=0.1)
    page = await client.do("request", "GET", f"/pages/triggered/{quote(name)}/history/{run.id}")
    assert b"loading &lt;b&gt;" in page.body and b'<progress max="100" value="25"' in page.body
    async with asyncio.timeout(WAIT):
        (progressed,) = await client.items("events", job=name, event="Progressed", from_first=True, most=1)
    assert progressed.data["progress"] == 0.25 and progressed.data["run_id"] == run.id
    go.touch()
    await called(run.wait, WAIT)
    assert (run.status, run.exit_code, run.result) == ("Failed", 5, {"rows": [1, None, "ü"]})
    assert run.progress == (0.9, "almost") and run.details.warnings == []
    file = await client.do(
        "request", "GET", urlsplit(run.details.result_url)._replace(scheme="", netloc="").geturl()
    )
    assert file.status == 200 and file.body == b'{"rows": [1, null, "\\u00fc"]}'
    async with asyncio.timeout(WAIT):
        (failed,) = await client.items("events", job=name, event="Failed", from_first=True, most=1)
    assert failed.data["result"] == run.result and failed.data["progress_text"] == "almost"
    page = await client.do("request", "GET", f"/pages/triggered/{quote(name)}/history/{run.id}")
    assert b"Result" in page.body and b"&#34;rows&#34;" in page.body

    bad = await client.do("run", name, ["no json"])
    await called(bad.wait, WAIT)
    assert (bad.status, bad.exit_code, bad.result) == ("Failed", 5, None)
    (warning,) = bad.details.warnings
    assert "not valid JSON" in warning and f"SYS WARN] {warning}" in await called(bad.log)
    large = await client.do("run", name, [f'"{"x" * 5000}"'])
    await called(large.wait, WAIT)
    assert large.result is None and large.details.result_url and large.details.warnings == []
