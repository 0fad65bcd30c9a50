"""docker-compose.yml on a real engine, by `make test-compose`: the README's tour, and the fate of runners."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from support import engine
from support.compose import ROOT
from support.engine import Setup
from support.eventually import eventually
from webjobs_stack.ports import free_port

pytestmark = pytest.mark.timeout(3600)

HISTORY = "/api/jobs/triggered/hello/history"
LOGS = "/api/vfs/LogFiles/Application/continuous/ticker/"
UP = ("up", "--detach", "--no-build", "--wait")


@pytest.fixture(scope="module")
def setup() -> Iterator[Setup]:
    if missing := engine.what_is_missing():
        pytest.skip(missing)
    engine.build_images()
    running = Setup(free_port(), free_port())
    running.compose("down", "--volumes")  # of a run that was broken off
    try:
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout", "5")


def until(check: Callable[[], bool], seconds: float = 60) -> None:
    asyncio.run(eventually(check, seconds))


def tour() -> list[str]:
    """The commands of the README's section about compose."""
    section = (ROOT / "README.md").read_text().split("## More than one machine")[1].split("\n## ")[0]
    found = re.findall(r"(?m)^\$ (.+)$", section)
    assert found
    return found


def instances(setup: Setup) -> set[str]:
    """Ids of the runners that reply with their metrics."""
    _, text = setup.ask("GET", "/metrics")
    return set(re.findall(r'(?m)^webjobs_up\{service="runner",instance="(\w+)"\} 1$', text))


def has_instances(setup: Setup, count: int) -> Callable[[], bool]:
    return lambda: len(instances(setup)) == count


def runs(setup: Setup) -> list[str]:
    """Statuses of the runs of `hello`."""
    status, text = setup.ask("GET", HISTORY)
    return [run["status"] for run in json.loads(text)["runs"]] if status == 200 else []


def folders(setup: Setup) -> set[str]:
    """The instances that have a folder in the shared volume."""
    listed = setup.compose("exec", "-T", "--index", "1", "runner", "ls", "/data/data/.runner")
    return set(listed.split())


def test_the_tour_of_the_readme_and_what_becomes_of_runners(
    setup: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    def note(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}")
            sys.stdout.flush()

    first, *others, last = tour()
    began = time.monotonic()
    setup.as_printed(first)
    note(f"healthy after {time.monotonic() - began:.0f} s")
    for command in others:
        setup.as_printed(command)
    until(lambda: runs(setup)[:1] == ["Success"])
    until(has_instances(setup, 3))
    three = instances(setup)
    note(f"three runners: {', '.join(sorted(three))}")

    script = b"while true; do date; sleep 1; done"
    name = {"Content_Disposition": "attachment; filename=run.sh"}
    assert setup.ask("PUT", "/api/jobs/continuous/ticker", script, **name)[0] == 200
    until(
        lambda: {f"{each}.log" for each in three} <= set(re.findall(r"\w+\.log", setup.ask("GET", LOGS)[1]))
    )
    note("the continuous job runs on all three")

    killed = setup.containers("runner")[0]
    assert engine.run("docker", "kill", "--signal", "KILL", killed).returncode == 0
    until(has_instances(setup, 2))
    setup.compose(*UP, "--scale", "runner=3")
    until(has_instances(setup, 3))
    assert instances(setup) == three
    note("a killed container comes back as the same instance")

    setup.compose(*UP, "--scale", "runner=3", "--force-recreate", "--no-deps", "runner")
    assert killed not in setup.containers("runner")
    until(has_instances(setup, 3))
    assert (instances(setup), folders(setup)) == (three, three)
    note("new containers take over the instances")

    setup.as_printed(last)
    setup.compose(*UP, "--scale", "runner=3")
    until(has_instances(setup, 3))
    assert (instances(setup), folders(setup)) == (three, three)
    assert runs(setup)[:1] == ["Success"]
    until(lambda: '"Running"' in setup.ask("GET", "/api/jobs/continuous/ticker")[1])
    note("down and up keep jobs, runs and instances")

    assert setup.ask("POST", "/api/jobs/triggered/hello/run")[0] == 202
    until(lambda: runs(setup) == ["Success", "Success"])
    assert "Violation" not in setup.compose("logs", "nats")
    note("")
