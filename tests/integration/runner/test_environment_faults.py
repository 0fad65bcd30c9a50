"""Environments when things fail: killed runners and tools, a full disk, scripts that write into theirs."""

import asyncio
import contextlib
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually, stays
from support.package_index import PackageIndex, package_index, wheel
from support.processes import installers, is_alive
from support.runners import Caller, RunningRunner, StartRunner, runner_process, running_runner
from support.site_paths import output_log
from support.small_disk import small_disk
from webjobs_environments.folders import Contents, EnvironmentFolders, Marker
from webjobs_events.commands import ReplyCode
from webjobs_events.events import DependenciesFailed, DependenciesPrepared, RunAborted, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.environments import upkeep

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
PRINTS = "import alpha, sys\nprint('alpha', alpha.VERSION, sys.prefix)\n"
FILES = {"run.py": PRINTS, "requirements.txt": "alpha\n"}
MANY = {f"alpha/part{number}.py": "X = 1\n" * 50 for number in range(300)}


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(wheel("alpha", files={"alpha/__init__.py": "VERSION = '1.0'\n", **MANY})) as found:
        yield found


@pytest.fixture
async def runner(start_runner: StartRunner) -> AsyncIterator[RunningRunner]:
    async with start_runner() as running:
        yield running


def environments(folder: Path, site: str = "site") -> Path:
    return folder / site / "data" / ".environments"


def keys(folder: Path) -> set[str]:
    """Of the environments that are there."""
    python = environments(folder) / "python"
    return {each.name for each in python.iterdir() if each.is_dir()} if python.is_dir() else set()


async def test_a_runner_that_is_killed_while_it_prepares_leaves_nothing_that_is_used(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    index: PackageIndex,
    start_runner: StartRunner,
    instance_id: str,
    tmp_path: Path,
) -> None:
    chance, begun = random.Random(), list[psutil.Process]()
    for number in range(3):
        start = runner_process(bus, nats_url, tmp_path, instance_id=instance_id, environment=index.variables)
        async with start as killed:
            deploying = asyncio.create_task(caller.deploy(TRIGGERED, f"job{number}", FILES))
            await asyncio.sleep(chance.uniform(0.05, 0.9))  # seconds; a preparation takes about 0.8
            await killed.kill()
            begun += installers(tmp_path, "uv")
            deploying.cancel()
            await asyncio.gather(deploying, return_exceptions=True)
    async with start_runner(instance_id=instance_id):
        assert not [
            tool for tool in begun if tool.is_running() and is_alive(tool.pid)
        ]  # they died with their runner
        await caller.deploy(TRIGGERED, "job", FILES)
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
    assert len(keys(tmp_path)) == 1
    assert not list((environments(tmp_path) / "python").glob(".tmp-*"))


async def test_an_installer_that_is_killed_is_tried_again(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    index.held.clear()
    deploying = asyncio.create_task(
        caller.deploy(TRIGGERED, "job", FILES, expect=ReplyCode.DEPENDENCIES_UNAVAILABLE)
    )
    await eventually(lambda: any("/files/" in path for path in index.requests))
    for tool in installers(tmp_path, "uv"):
        tool.kill()
    assert "was killed" in (await deploying).message
    assert not keys(tmp_path)
    index.held.set()
    await caller.deploy(TRIGGERED, "job", FILES)
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)


async def test_two_runners_of_one_folder_build_an_environment_once(
    caller: Caller, recorder: EventRecorder, start_runner: StartRunner, tmp_path: Path
) -> None:
    async with start_runner() as one, start_runner() as other:
        await caller.deploy(TRIGGERED, "job", FILES)
        assert len(keys(tmp_path)) == 1
        assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
        assert {each.instance for each in recorder.of(DependenciesPrepared)} <= {one.id, other.id}
        assert [each.reused for each in recorder.of(DependenciesPrepared)] == [False]


async def test_a_full_disk_refuses_a_deployment_and_leaves_nothing(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    index.add(wheel("large", files={"large.py": f"X = '{random.Random(1).randbytes(20_000_000).hex()}'\n"}))
    limits = {"disk_reserve_mb": 0}
    with small_disk(tmp_path / "disk", 32) as disk:
        python = environments(disk.path) / "python"
        async with running_runner(bus, nats_url, disk.path, environment=index.variables, settings=limits):
            await caller.deploy(TRIGGERED, "job", FILES)
            await caller.deploy(
                TRIGGERED, "job", {"run.py": "", "requirements.txt": "large\n"}, expect=ReplyCode.NO_SPACE
            )
            assert not list(python.glob(".tmp-*"))
            assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
            await eventually(lambda: recorder.of(DependenciesFailed))


async def test_the_cache_may_vanish(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    shutil.rmtree(environments(tmp_path) / "cache")
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
    index.add(wheel("beta"))
    await caller.deploy(TRIGGERED, "job", {**FILES, "requirements.txt": "alpha\nbeta\n"})
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)


async def test_the_cache_may_vanish_under_a_script_that_runs(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    waits = (
        "import os, time\ngo = os.environ['WEBJOBS_DATA_PATH'] + '/go'\n"
        "while not os.path.exists(go): time.sleep(0.05)\n"
        "import alpha\nfrom alpha import part299\nprint(alpha.VERSION)\n"
    )
    await caller.deploy(TRIGGERED, "job", {**FILES, "run.py": waits})
    run = await caller.run("job")
    await eventually(lambda: len(recorder.of_run(run)) == 2)
    shutil.rmtree(environments(tmp_path) / "cache")
    await caller.deploy(TRIGGERED, "other", {**FILES, "requirements.txt": "alpha==1.0\n"})
    data = tmp_path / "site" / "data" / "jobs" / "triggered" / "job"
    data.mkdir(parents=True, exist_ok=True)
    (data / "go").touch()
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert isinstance(await recorder.end_of(await caller.run("other")), RunSuccess)


async def test_everything_in_an_environment_is_protected_from_writes(
    runner: RunningRunner, caller: Caller, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    (key,) = keys(tmp_path)
    environment = environments(tmp_path) / "python" / key
    writable = [
        path
        for path in (environment, *environment.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o222
    ]
    assert writable == []


def test_a_marker_that_is_half_written_has_a_name_that_the_next_build_clears_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders, key = EnvironmentFolders(tmp_path, "bin/python"), "ab" * 32
    nothing = Contents(files=0, bytes=0, fingerprint="")
    python = Interpreter(path="/python", implementation="cpython", version="3.11.7", abi="cpython", libc="")
    marker = Marker(lock_digest="cd", interpreter=python, packages=0, contents=nothing, seconds=0.1)

    def die(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "fsync", die)
        folders.write_marker(key, marker)
    assert len(list(tmp_path.glob(f"{folders.temporary_prefix(key)}*"))) == len(list(tmp_path.iterdir())) == 1
    folders.write_marker(key, marker)
    assert folders.read_marker(key) == marker


WRITES = {
    "a new file": "open(sys.prefix + '/own.txt', 'w').write('x')",
    "a changed module": "open(alpha.__file__, 'a').write('VERSION = 9')",
    "a removed module": "os.remove(alpha.__file__)",
    "no interpreter": "os.remove(sys.prefix + '/bin/python')",
}


@pytest.mark.parametrize("name", WRITES)
async def test_an_environment_that_a_script_has_changed_is_built_again(
    caller: Caller, recorder: EventRecorder, start_runner: StartRunner, tmp_path: Path, name: str
) -> None:
    script = (
        "import alpha, os, sys\nos.chmod(alpha.__file__, 0o644)\nfor place, _, _ in os.walk(sys.prefix):\n"
        f"    os.chmod(place, 0o755)\n{WRITES[name]}\n"
    )
    async with start_runner():
        await caller.deploy(TRIGGERED, "writer", {**FILES, "run.py": script})
        assert isinstance(await recorder.end_of(await caller.run("writer")), RunSuccess)
    async with start_runner():
        await eventually(lambda: len(recorder.of(DependenciesPrepared)) == 2)
        assert not recorder.of(DependenciesPrepared)[1].reused
        await caller.deploy(TRIGGERED, "job", FILES)
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
        assert "alpha 1.0" in output_log(tmp_path, "job", run).read_text()
    (key,) = keys(tmp_path)
    assert not (environments(tmp_path) / "python" / key / "own.txt").exists()


async def test_an_interpreter_that_is_gone_is_seen_before_a_run_starts(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    (key,) = keys(tmp_path)
    programs = environments(tmp_path) / "python" / key / "bin"
    programs.chmod(0o755)
    (programs / "python").unlink()
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
    await eventually(lambda: len(recorder.of(DependenciesPrepared)) == 2)
    assert recorder.of(DependenciesPrepared)[1].cause.startswith("environment/")


@pytest.mark.parametrize("job_type", [TRIGGERED, CONTINUOUS])
async def test_an_environment_with_an_interpreter_that_does_not_start_is_built_again_for_the_next_try(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path, job_type: JobType
) -> None:
    seen = tmp_path / "seen"
    await caller.set("WEBJOBS_RESTART_TIME", "0.2")
    settings = (
        {"settings.job": '{"retry": {"backoff": 0, "max_attempts": 2}}'} if job_type is TRIGGERED else {}
    )
    script = f"import alpha, time\nopen({str(seen)!r}, 'a').write('x')\n"
    rest = "" if job_type is TRIGGERED else "time.sleep(1000)\n"
    if job_type is CONTINUOUS:
        await caller.deploy(CONTINUOUS, "job", {**FILES, "run.py": "raise SystemExit(1)"})
        await caller.stop("job")
    await caller.deploy(job_type, "job", {**FILES, **settings, "run.py": script + rest})
    (key,) = keys(tmp_path)
    programs = environments(tmp_path) / "python" / key / "bin"
    programs.chmod(0o755)
    (programs / "python").unlink()
    (programs / "python").write_text("no program\n")
    (programs / "python").chmod(0o755)
    if job_type is TRIGGERED:
        end = await recorder.end_of(await caller.run("job"))
        assert end.reason is Reason.START_ERROR and end.next_run_id is not None
        assert isinstance(await recorder.end_of(end.next_run_id), RunSuccess)
    else:
        await caller.start("job")
    await eventually(lambda: seen.exists() and seen.read_text() == "x")


async def test_unused_environments_go_a_day_later_and_used_ones_stay(
    caller: Caller,
    recorder: EventRecorder,
    index: PackageIndex,
    start_runner: StartRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "_PERIOD", 0.1)
    index.add(wheel("beta"), wheel("gamma"))
    python = environments(tmp_path) / "python"

    def left_a_day_later() -> set[str]:
        old = time.time() - upkeep.KEEP_SECONDS - 10
        for path in python.glob("*.*"):
            with contextlib.suppress(FileNotFoundError):  # it is removed in this moment
                os.utime(path, (old, old))
        return keys(tmp_path)

    async with start_runner():
        await caller.set("WEBJOBS_KEPT_VERSIONS", "1")
        await caller.deploy(TRIGGERED, "kept", FILES)
        forever = {"run.py": "import beta, time; time.sleep(1000)", "requirements.txt": "beta\n"}
        await caller.deploy(TRIGGERED, "runs", forever)
        await caller.deploy(TRIGGERED, "gone", {**FILES, "requirements.txt": "gamma\n"})
        kept, runs, gone = (each.key for each in recorder.of(DependenciesPrepared))
        run = await caller.run("runs")
        await eventually(lambda: len(recorder.of_run(run)) == 2)
        await caller.deploy(TRIGGERED, "runs", FILES)  # nothing but its run needs what it had
        await caller.delete(TRIGGERED, "gone")
        await eventually(lambda: left_a_day_later() == {kept, runs})
        assert not list(python.glob(f"{gone}*"))
        await caller.cancel("runs", run)
        assert isinstance(await recorder.end_of(run), RunAborted)
        await stays(lambda: keys(tmp_path) == {kept, runs}, 0.3)  # it was used just now
        await eventually(lambda: left_a_day_later() == {kept})


async def test_a_cache_above_its_limit_is_removed(
    caller: Caller,
    recorder: EventRecorder,
    start_runner: StartRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "_PERIOD", 0.1)
    limits = {"cache_limit_mb": 0}
    async with start_runner(settings=limits):
        await caller.deploy(TRIGGERED, "job", FILES)
        await eventually(lambda: not (environments(tmp_path) / "cache").exists())
        assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)


async def test_an_environment_above_its_limit_is_refused(
    caller: Caller, index: PackageIndex, start_runner: StartRunner, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(600_000).hex()
    index.add(wheel("large", files={"large.py": f"X = '{content}'\n"}))
    files = {"run.py": "", "requirements.txt": "large\n"}
    limits = {"environment_limit_mb": 1}
    async with start_runner(settings=limits):
        reply = await caller.deploy(TRIGGERED, "job", files, expect=ReplyCode.INVALID_DEPENDENCIES)
    assert "WEBJOBS_ENVIRONMENT_LIMIT_MB" in reply.message
    assert not keys(tmp_path)


OTHER_PYTHON = "/usr/bin/python3"


@pytest.mark.skipif(not os.access(OTHER_PYTHON, os.X_OK), reason=f"there is no {OTHER_PYTHON}")
async def test_runners_with_different_interpreters_share_a_folder(
    caller: Caller, recorder: EventRecorder, start_runner: StartRunner, tmp_path: Path
) -> None:
    async with start_runner():
        await caller.deploy(TRIGGERED, "job", FILES)
        (first,) = keys(tmp_path)
    other = {"pythons": OTHER_PYTHON}
    async with start_runner(settings=other):
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
        used = output_log(tmp_path, "job", run).read_text()
    if first in used:
        pytest.skip(f"{OTHER_PYTHON} is the interpreter that the first runner uses")
    assert len(keys(tmp_path)) == 2
