"""A trace from the request, by way of the command, to the events and the script."""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from integration.files.conftest import Files, Got
from structlog.testing import capture_logs
from support.client import unique
from support.eventually import eventually
from support.runners import zipped
from webjobs_events.jetstream import Bus
from webjobs_rules.trace import parse_trace

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-00"
SHOW = 'echo "parent=$TRACEPARENT state=$TRACESTATE"\n'


async def ask(files: Files, method: str, path: str, body: Any = None, **headers: str) -> Got:
    got = await files.ask(method, path, body, **headers)
    assert got.status < 400, got.text
    return got


async def deploy(files: Files, job: str, script: str, **settings: Any) -> None:
    content = {"run.sh": script, "settings.job": json.dumps(settings)}
    await ask(files, "PUT", f"/api/jobs/{job}", zipped(content), Content_Type="application/zip")


async def events_of(bus: Bus, job: str, *names: str) -> list[Mapping[str, str]]:
    """Headers of the events of a job, with their name."""
    found: list[Mapping[str, str]] = []
    position, more = 0, 1
    while more:
        pattern = bus.subjects.all_events
        messages, more = await bus.messages_from(
            bus.subjects.events_stream, pattern, start_sequence=position + 1
        )
        position = messages[-1].sequence if messages else position
        found += [{**each.headers, "name": each.subject.rpartition(".")[2]} for each in messages]
    about = [each for each in found if each["ce-subject"].split("/")[1] == job]
    return [each for each in about if not names or each["name"] in names]


async def until_ended(bus: Bus, job: str, count: int = 1) -> list[Mapping[str, str]]:
    async def ended() -> bool:
        return len(await events_of(bus, job, "Success", "Failed", "Aborted")) >= count

    await eventually(ended, 40)
    return await events_of(bus, job)


def said(files: Files, job: str) -> list[str]:
    """What the runs of a job have written, oldest first."""
    logs = sorted((files.site / "data" / "jobs" / "triggered" / job).glob("*/output_*.log"))
    return re.findall(r"parent=(\S*) state=(\S*)", "".join(log.read_text() for log in logs))


async def test_a_run_belongs_to_the_trace_of_its_request(files: Files, bus: Bus) -> None:
    job = unique("run").replace("-", "_")
    await deploy(files, f"triggered/{job}", SHOW, concurrency={"policy": "queue"})
    run = f"/api/jobs/triggered/{job}/run"
    await ask(files, "POST", run, traceparent=GIVEN, tracestate="a=1,b=2")
    await until_ended(bus, job)
    await ask(files, "POST", run, traceparent=f"00-{TRACE}-{PARENT}")
    await until_ended(bus, job, 2)
    await ask(files, "POST", run, tracestate="a=1")
    await until_ended(bus, job, 3)
    (first, *others) = said(files, job)
    assert first == (GIVEN, "a=1,b=2")
    assert {state for _, state in others} == {""}
    made = [parse_trace([parent]) for parent, _ in others]
    assert None not in made
    assert len({TRACE, *(each.trace_id for each in made if each)}) == 3, "each request has a trace of its own"
    runs = await events_of(bus, job, "Initializing", "Running", "Success")
    assert len(runs) == 9
    parents = [parent for parent, _ in said(files, job)]
    assert [each["traceparent"] for each in runs] == [parent for parent in parents for _ in range(3)]
    assert [each.get("tracestate") for each in runs] == ["a=1,b=2"] * 3 + [None] * 6


async def test_a_waiting_command_bears_its_trace_in_its_headers(files: Files, bus: Bus) -> None:
    job = unique("waits").replace("-", "_")
    await deploy(files, f"triggered/{job}", "sleep 1000", concurrency={"policy": "queue"})
    run = f"/api/jobs/triggered/{job}/run"
    await ask(files, "POST", run, traceparent=GIVEN, tracestate="a=1")
    (waiting,) = await bus.pending_commands(bus.subjects.all_commands)
    assert (waiting.headers["traceparent"], waiting.headers["tracestate"]) == (GIVEN, "a=1")


async def test_every_attempt_of_a_run_and_a_repeated_request_belong_to_the_first_trace(
    files: Files, bus: Bus
) -> None:
    job = unique("retry").replace("-", "_")
    retry = {"max_attempts": 2, "backoff": {"min": 0, "max": 0}, "on": ["exit_code"]}
    await deploy(files, f"triggered/{job}", f"{SHOW}exit 1", retry=retry)
    run = f"/api/jobs/triggered/{job}/run"
    await ask(files, "POST", run, traceparent=GIVEN, Idempotency_Key="k1")
    other = f"00-{TRACE[::-1]}-{PARENT}-01"
    await ask(files, "POST", run, traceparent=other, Idempotency_Key="k1")
    told = await until_ended(bus, job, 2)
    assert said(files, job) == [(GIVEN, "")] * 2
    runs = [each for each in told if each["name"] in ("Initializing", "Running", "Failed")]
    assert len(runs) == 6
    assert {each["traceparent"] for each in runs} == {GIVEN}


async def test_changes_of_a_job_belong_to_the_trace_of_their_request(files: Files, bus: Bus) -> None:
    job, dropped, bad = (unique(name).replace("-", "_") for name in ("changed", "packed", "bad"))
    url, script = f"/api/jobs/continuous/{job}", "sleep 1000\n"
    asked = (
        ("PUT", url, zipped({"run.sh": script}), {"Content_Type": "application/zip"}, "Deployed"),
        ("POST", f"{url}/stop", None, {}, "Disabled"),
        ("POST", f"{url}/start", None, {}, "Enabled"),
        ("PUT", f"{url}/settings", '{"is_singleton": true}', {}, "SettingsChanged"),
        ("DELETE", url, None, {}, "Deleted"),
    )
    for number, (method, path, body, headers, name) in enumerate(asked):
        given = f"00-{TRACE}-{number + 1:016x}-01"
        await ask(files, method, path, body, traceparent=given, **headers)
        (event,) = await eventually_some(bus, job, name)
        assert event["traceparent"] == given, name
    package = zipped(
        {
            f"App_Data/jobs/triggered/{dropped}/run.sh": "echo",
            f"App_Data/jobs/triggered/{bad}/readme": "no script",
        }
    )
    await ask(files, "POST", "/api/zipdeploy", package, traceparent=GIVEN, tracestate="a=1")
    for name, event_name in ((dropped, "Deployed"), (bad, "DeployFailed")):
        (event,) = await eventually_some(bus, name, event_name)
        assert (event["traceparent"], event["tracestate"]) == (GIVEN, "a=1")


async def eventually_some(bus: Bus, job: str, name: str) -> list[Mapping[str, str]]:
    async def some() -> bool:
        return bool(await events_of(bus, job, name))

    await eventually(some)
    return await events_of(bus, job, name)


async def test_every_due_time_has_a_trace_of_its_own_that_its_tick_shares(files: Files, bus: Bus) -> None:
    job = unique("due").replace("-", "_")
    await deploy(files, f"triggered/{job}", SHOW, schedule="* * * * * *", concurrency={"policy": "queue"})
    await until_ended(bus, job, 2)
    await ask(files, "PUT", f"/api/jobs/triggered/{job}/settings", "{}")
    events = await events_of(bus, job)
    of_run: dict[str, set[str]] = {}
    for each in events:
        if each["name"] in ("Initializing", "Running", "Success"):
            of_run.setdefault(each["ce-correlationid"], set()).add(each["traceparent"])
    for each in events:
        if each["name"] == "ScheduleTicked" and each.get("ce-correlationid") in of_run:
            of_run[each["ce-correlationid"]].add(each["traceparent"])
    assert len(of_run) >= 2
    assert all(len(traces) == 1 for traces in of_run.values()), of_run
    traces = {next(iter(traces)) for traces in of_run.values()}
    assert len({parse_trace([each]) for each in traces} - {None}) == len(of_run)
    assert {parent for parent, _ in said(files, job)} <= traces | {""}
    assert "" not in {parent for parent, _ in said(files, job)}


async def test_files_that_somebody_drops_begin_a_trace(files: Files, bus: Bus) -> None:
    job = unique("dropped").replace("-", "_")
    folder = files.wwwroot / "app_data" / "jobs" / "triggered" / job
    await asyncio.to_thread(folder.mkdir, parents=True)
    (folder / "run.sh").write_text("echo")
    (event,) = await eventually_some(bus, job, "Deployed")
    assert parse_trace([event["traceparent"]])


async def test_the_log_of_access_names_the_trace(files: Files) -> None:
    logger = logging.getLogger("webjobs_api.http.tracing")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        with capture_logs() as logged:
            await files.get("/api/settings?api-version=1", traceparent=GIVEN)
            await files.get("/nothing", traceparent=GIVEN)
    finally:
        logger.setLevel(level)
    lines = [each for each in logged if each["event"] == "request"]
    assert [(each["path"], each["status"]) for each in lines] == [("/api/settings", 200), ("/nothing", 404)]
    assert {each["trace_id"] for each in lines} == {TRACE}
