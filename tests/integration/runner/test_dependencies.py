"""Jobs whose files declare packages: installed before a deployment counts, found by their scripts."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.package_index import PackageIndex, package_index, source_archive, wheel
from support.runners import Caller, RunningRunner, running_runner, zipped
from support.site_paths import job_folder, output_log, run_folder
from uv import find_uv_bin
from webjobs_events.commands import DeployJob, ReplyCode, UploadKind
from webjobs_events.events import (
    DependenciesFailed,
    DependenciesPrepared,
    Deployed,
    DeployFailed,
    RunAborted,
    RunFailed,
    RunSuccess,
)
from webjobs_events.heartbeat import EnvironmentsReport, PreparingJob, decode_heartbeat
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.dependencies.vocabulary import DependencyKind, PreparationStage
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
PRINTS = "import alpha, sys\nprint('alpha', alpha.VERSION, sys.prefix)\n"


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(wheel("alpha"), wheel("beta", requires=["alpha>=1"])) as found:
        yield found


@pytest.fixture
async def runner(
    bus: Bus, nats_url: str, tmp_path: Path, index: PackageIndex
) -> AsyncIterator[RunningRunner]:
    async with running_runner(bus, nats_url, tmp_path, environment=index.variables) as running:
        yield running


async def test_a_script_finds_the_packages_of_its_requirements(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    reply = await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "beta\n"})
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    (prepared,) = recorder.of(DependenciesPrepared)
    assert (prepared.packages, prepared.reused) == (2, False)
    assert prepared.cause == recorder.of(Deployed)[0].cause
    environment = tmp_path / "site" / "data" / ".environments" / "python" / prepared.key
    assert f"alpha 1.0 {environment}" in output_log(tmp_path, "job", run).read_text()
    definition = await definition_of(bus, TRIGGERED, "job")
    assert definition is not None and definition.dependencies is not None
    assert definition.dependencies.kind is DependencyKind.REQUIREMENTS
    assert definition.versions[0].dependencies == definition.dependencies
    assert await bus.packages.exists(definition.dependencies.lock_digest)
    assert reply.code is ReplyCode.DONE


DECLARATIONS = {
    "block": {
        "run.py": '# /// script\n# dependencies = ["alpha"]\n# requires-python = ">=3.8"\n# ///\n' + PRINTS
    },
    "pyproject": {
        "run.py": PRINTS,
        "pyproject.toml": '[project]\nname = "job"\nversion = "1"\ndependencies = ["alpha>=1"]\n',
    },
    "shell": {"run.sh": f'python3 -c "{PRINTS}"', "requirements.txt": "alpha\n"},
    "program": {
        "run": f"#!/usr/bin/env python3\n{PRINTS}",
        "requirements.txt": "-r more.txt",
        "more.txt": "alpha",
    },
}


@pytest.mark.parametrize("name", DECLARATIONS)
async def test_each_declaration_and_each_type_of_script(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path, name: str
) -> None:
    await caller.deploy(TRIGGERED, "job", DECLARATIONS[name])
    run = await caller.run("job")
    end = await recorder.end_of(run)
    assert isinstance(end, RunSuccess), (end, output_log(tmp_path, "job", run).read_text())


async def test_a_lock_of_uv_is_installed_as_it_is(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    pyproject = (
        '[project]\nname = "job"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["alpha"]\n'
    )
    (project / "pyproject.toml").write_text(pyproject)
    (project / "run.py").write_text('# /// script\n# dependencies = ["alpha"]\n# ///\n' + PRINTS)
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **index.variables}
    for options in ([], ["--script", "run.py"]):
        command = [find_uv_bin(), "lock", "--python", sys.executable, "--no-config", *options]
        locking = await asyncio.create_subprocess_exec(*command, cwd=project, env=variables)
        assert await locking.wait() == 0
    index.add(wheel("alpha", "2.0"))  # the lock does not know it
    locked = {name: (project / name).read_text() for name in ("pyproject.toml", "uv.lock")}
    script = {name: (project / name).read_text() for name in ("run.py", "run.py.lock")}
    for job, files in (("project", {"run.py": PRINTS, **locked}), ("script", script)):
        await caller.deploy(TRIGGERED, job, files)
        run = await caller.run(job)
        assert isinstance(await recorder.end_of(run), RunSuccess)
        assert "alpha 1.0" in output_log(tmp_path, job, run).read_text()
    stale = {**locked, "pyproject.toml": pyproject.replace('"alpha"', '"alpha", "beta"')}
    reply = await caller.deploy(
        TRIGGERED, "project", {"run.py": "print(2)", **stale}, expect=ReplyCode.INVALID_DEPENDENCIES
    )
    assert "uv.lock was made for other dependencies (beta)" in reply.message


async def test_a_continuous_job_has_its_packages_too(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    script = f"import alpha, time\nopen({str(seen)!r}, 'w').write(alpha.VERSION)\ntime.sleep(1000)\n"
    await caller.deploy(CONTINUOUS, "job", {"run.py": script, "requirements.txt": "alpha\n"})
    await eventually(lambda: seen.exists() and seen.read_text() == "1.0")


async def test_the_same_inputs_need_no_index(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, bus: Bus
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "beta\n"})
    index.failing = True
    asked = len(index.requests)
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS + "# 2\n", "requirements.txt": "beta\n"})
    await caller.deploy(TRIGGERED, "other", {"run.py": PRINTS, "requirements.txt": "beta\n"})
    assert isinstance(await recorder.end_of(await caller.run("other")), RunSuccess)
    first, second, third = recorder.of(DependenciesPrepared)
    assert first.key == second.key == third.key
    assert (second.reused, third.reused, len(index.requests)) == (True, True, asked)
    assert second.seconds < 1


async def test_dependencies_are_off_for_a_job_or_a_site(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    index: PackageIndex,
) -> None:
    files = {
        "run.py": "import alpha",
        "requirements.txt": "alpha\n",
        "settings.job": '{"dependencies": "off"}',
    }
    await caller.deploy(TRIGGERED, "job", files)
    assert isinstance(await recorder.end_of(await caller.run("job")), RunFailed)
    definition = await definition_of(bus, TRIGGERED, "job")
    assert definition is not None and definition.dependencies is None
    assert not index.requests


REFUSED = {
    "no solution": ({"requirements.txt": "alpha>=9\n"}, PreparationStage.RESOLVE, "alpha>=9"),
    "no such package": ({"requirements.txt": "gamma\n"}, PreparationStage.RESOLVE, "gamma"),
    "an index": ({"requirements.txt": "-i http://x\nalpha\n"}, PreparationStage.READ, "WEBJOBS_JOB_INDEXES"),
    "source only": ({"requirements.txt": "delta\n"}, PreparationStage.RESOLVE, "delta"),
    "no interpreter": (
        {"run.py": '# /// script\n# requires-python = ">=4"\n# dependencies = ["alpha"]\n# ///\n'},
        PreparationStage.READ,
        "No Python here fits",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refused_deployment_leaves_the_former_version_with_its_packages(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    index: PackageIndex,
    tmp_path: Path,
    name: str,
) -> None:
    index.add(source_archive("delta"))
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha\n"})
    before = await definition_of(bus, TRIGGERED, "job")
    files, stage, says = REFUSED[name]
    reply = await caller.deploy(
        TRIGGERED, "job", {"run.py": "print(2)", **files}, expect=ReplyCode.INVALID_DEPENDENCIES
    )
    assert says in reply.message
    assert "http" not in reply.message and len(reply.message.splitlines()) <= 21
    await eventually(lambda: recorder.of(DeployFailed))
    (failed,) = recorder.of(DependenciesFailed)
    assert (failed.stage, failed.reason, failed.cause) == (
        stage,
        reply.message,
        recorder.of(DeployFailed)[0].cause,
    )
    assert await definition_of(bus, TRIGGERED, "job") == before
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "alpha 1.0" in output_log(tmp_path, "job", run).read_text()
    assert not list((tmp_path / "site" / "data" / ".environments" / "python").glob(".*"))


async def test_an_index_that_is_away_is_no_fault_of_the_upload(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, index: PackageIndex
) -> None:
    files = {"run.py": PRINTS, "requirements.txt": "alpha\n"}
    index.failing = True
    away = ReplyCode.DEPENDENCIES_UNAVAILABLE
    reply = await caller.deploy(TRIGGERED, "job", files, expect=away)
    assert "an index of packages is away" in reply.message and "127.0.0.1" not in reply.message
    index.failing = False
    index.login = "user:right"
    await caller.deploy(TRIGGERED, "job", files, expect=away)
    assert await definition_of(bus, TRIGGERED, "job") is None
    index.login = ""
    await caller.deploy(TRIGGERED, "job", files)
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)


async def test_a_wheel_that_is_not_there_is_named(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    """A lock names a version that the index has lost."""
    pylock = (
        'lock-version = "1.0"\n[[packages]]\nname = "alpha"\nversion = "7.0"\n'
        'wheels = [{ name = "x", hashes = { sha256 = "' + 64 * "a" + '" } }]\n'
    )
    reply = await caller.deploy(
        TRIGGERED, "job", {"run.py": PRINTS, "pylock.toml": pylock}, expect=ReplyCode.INVALID_DEPENDENCIES
    )
    assert "alpha==7.0" in reply.message
    assert recorder.of(DependenciesFailed)[0].stage is PreparationStage.INSTALL


async def test_a_file_with_another_hash_is_not_installed(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    pylock = (
        'lock-version = "1.0"\n[[packages]]\nname = "alpha"\nversion = "1.0"\n'
        'wheels = [{ name = "x", hashes = { sha256 = "' + 64 * "a" + '" } }]\n'
    )
    reply = await caller.deploy(
        TRIGGERED, "job", {"run.py": PRINTS, "pylock.toml": pylock}, expect=ReplyCode.INVALID_DEPENDENCIES
    )
    assert "hash" in reply.message.lower()


async def test_eight_deployments_of_one_lock_build_it_once(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    files = {"run.py": PRINTS, "requirements.txt": "beta\n"}
    await asyncio.gather(*(caller.deploy(TRIGGERED, f"job{number}", files) for number in range(8)))
    await eventually(lambda: len(recorder.of(DependenciesPrepared)) == 8)
    assert len({each.key for each in recorder.of(DependenciesPrepared)}) == 1
    python = tmp_path / "site" / "data" / ".environments" / "python"
    assert len([each for each in python.iterdir() if each.is_dir()]) == 1


async def test_a_second_runner_installs_from_the_stored_lock(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    nats_url: str,
    index: PackageIndex,
    tmp_path: Path,
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha<2\n"})
    index.add(wheel("alpha", "1.5"))
    await runner.stop()
    async with running_runner(bus, nats_url, tmp_path, name="other", environment=index.variables) as second:
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
        assert "alpha 1.0" in (run_folder(tmp_path, "job", run, "other") / f"output_{run}.log").read_text()
        await eventually(lambda: len(recorder.of(DependenciesPrepared)) == 2)
        assert recorder.of(DependenciesPrepared)[1].instance == second.id
        assert recorder.of(DependenciesPrepared)[1].cause == recorder.of(Deployed)[0].cause


async def test_a_run_waits_for_its_environment_and_fails_with_the_reason(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    index: PackageIndex,
    bus: Bus,
    tmp_path: Path,
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha\n"})
    environments = tmp_path / "site" / "data" / ".environments"
    remove(environments)
    index.held.clear()
    run = await caller.run("job")
    await eventually(lambda: [each.name for each in recorder.of_run(run)] == ["Initializing"])
    (waited,) = await eventually(lambda: preparing_on(bus, runner.id), timeout=2)  # not by the next beat only
    assert (waited.job_type, waited.job_name, waited.is_new_version) == ("triggered", "job", False)
    assert waited.until is not None and waited.until - waited.since == timedelta(minutes=10)
    assert len(recorder.of_run(run)) == 1
    index.held.set()
    assert isinstance(await recorder.end_of(run), RunSuccess)
    await eventually(lambda: is_prepared_on(bus, runner.id), timeout=2)
    remove(environments)
    index.failing = True
    end = await recorder.end_of(await caller.run("job"))
    assert isinstance(end, RunFailed) and end.reason is Reason.DEPENDENCIES
    assert "an index of packages is away" in end.evidence
    assert recorder.of(DependenciesFailed)[0].stage is PreparationStage.INSTALL


async def test_the_runner_reports_its_environments_as_soon_as_they_change(
    runner: RunningRunner, caller: Caller, index: PackageIndex, bus: Bus, tmp_path: Path
) -> None:
    async def counted(count: int) -> bool:
        report = await report_of(bus, runner.id)
        return report.count == count and (report.bytes or 0) > 0 and (report.cache_bytes or 0) > 0

    index.held.clear()
    deploying = asyncio.create_task(
        caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha\n"})
    )
    (preparing,) = await eventually(lambda: preparing_on(bus, runner.id))
    assert (preparing.is_new_version, preparing.until) == (True, None)
    index.held.set()
    await deploying
    await eventually(lambda: counted(1))
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "beta\n"})
    await eventually(lambda: counted(2))


async def report_of(bus: Bus, instance_id: str) -> EnvironmentsReport:
    entry = await bus.leases.get(Subjects.instance_key(instance_id))
    assert entry is not None
    return decode_heartbeat(entry.value).environments or EnvironmentsReport()


async def preparing_on(bus: Bus, instance_id: str) -> list[PreparingJob]:
    return (await report_of(bus, instance_id)).preparing


async def is_prepared_on(bus: Bus, instance_id: str) -> bool:
    return not await preparing_on(bus, instance_id)


async def test_a_run_that_waits_for_its_environment_can_be_cancelled(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha\n"})
    remove(tmp_path / "site" / "data" / ".environments")
    index.held.clear()
    run = await caller.run("job")
    await eventually(lambda: len(recorder.of_run(run)) == 1)
    await caller.cancel("job", run)
    assert isinstance(await recorder.end_of(run), RunAborted)


async def test_a_dropped_folder_is_prepared_or_refused(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    staged = tmp_path / "site" / "staged"
    staged.mkdir()
    (staged / "run.py").write_text(PRINTS)
    (staged / "requirements.txt").write_text("alpha\n")
    staged.rename(folder)
    await eventually(lambda: recorder.of(Deployed))
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
    (folder / "requirements.txt").write_text("alpha>=9\n")
    await eventually(lambda: recorder.of(DeployFailed))
    assert "alpha>=9" in recorder.of(DeployFailed)[0].reason
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "alpha 1.0" in output_log(tmp_path, "job", run).read_text()


async def test_no_secret_reaches_a_script_and_none_of_the_services_a_tool(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, index: PackageIndex, tmp_path: Path
) -> None:
    index.login = "user:canary-of-index"
    variables = {
        **index.variables,
        "UV_DEFAULT_INDEX": index.url.replace("http://", "http://user:canary-of-index@"),
        "PIP_INDEX_URL": "canary-of-index",
        "NPM_TOKEN": "canary-of-index",
        "npm_config__auth": "canary-of-index",
    }
    async with running_runner(bus, nats_url, tmp_path, environment=variables):
        script = "import os, alpha\nprint(dict(os.environ))\n"
        await caller.deploy(TRIGGERED, "job", {"run.py": script, "requirements.txt": "alpha\n"})
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
        assert "canary" not in output_log(tmp_path, "job", run).read_text()
        refused = await caller.deploy(
            TRIGGERED,
            "job",
            {"run.py": script, "requirements.txt": "gamma\n"},
            expect=ReplyCode.INVALID_DEPENDENCIES,
        )
        assert "canary" not in refused.message
    definition = await definition_of(bus, TRIGGERED, "job")
    assert definition is not None and definition.dependencies is not None
    target = tmp_path / "lock"
    await bus.packages.fetch(definition.dependencies.lock_digest, target)
    assert "canary" not in target.read_text()


async def test_a_restored_version_gets_its_packages_back(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    index: PackageIndex,
    tmp_path: Path,
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha\n"})
    first = await definition_of(bus, TRIGGERED, "job")
    index.add(wheel("alpha", "2.0"))
    await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha>1\n"})
    assert first is not None
    command = caller.command(DeployJob, TRIGGERED, "job", upload=first.digest, kind=UploadKind.PACKAGE)
    assert (await caller.ask(command)).code is ReplyCode.DONE
    again = await definition_of(bus, TRIGGERED, "job")
    assert again is not None and again.dependencies == first.dependencies
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "alpha 1.0" in output_log(tmp_path, "job", run).read_text()


async def test_a_folder_of_wheels_is_enough_without_an_index(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, content in (wheel("alpha"), wheel("beta", requires=["gamma"])):
        (wheels / name).write_bytes(content)
    offline = {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheels)}
    async with running_runner(bus, nats_url, tmp_path, environment=offline):
        await caller.deploy(TRIGGERED, "job", {"run.py": PRINTS, "requirements.txt": "alpha\n"})
        assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
        reply = await caller.deploy(
            TRIGGERED,
            "job",
            {"run.py": PRINTS, "requirements.txt": "beta\n"},
            expect=ReplyCode.INVALID_DEPENDENCIES,
        )
        assert "gamma" in reply.message


async def test_the_operator_decides_which_packages_are_built(
    bus: Bus, nats_url: str, caller: Caller, index: PackageIndex, tmp_path: Path
) -> None:
    index.add(source_archive("delta"), source_archive("omega"))
    built = {"build_packages": "delta"}
    async with running_runner(bus, nats_url, tmp_path, environment=index.variables, settings=built):
        for name, is_built in (("delta", True), ("omega", False)):
            reply = await caller.ask(
                caller.command(
                    DeployJob,
                    TRIGGERED,
                    "job",
                    upload=await caller.upload(zipped({"run.py": "", "requirements.txt": f"{name}\n"})),
                    kind=UploadKind.ZIP,
                ),
                timeout=60,
            )
            assert reply.code is not ReplyCode.DONE  # there is no setuptools to build it with
            assert (f"/{name}-1.0.zip" in " ".join(index.requests)) is is_built, reply.message


@pytest.mark.skipif(
    os.environ.get("WEBJOBS_TEST_INDEX") != "1", reason="WEBJOBS_TEST_INDEX=1 lets it ask a real index"
)
@pytest.mark.parametrize("name", ["six", "requests", "numpy"])
async def test_real_packages(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, name: str
) -> None:
    passed = {key: value for key, value in os.environ.items() if key.startswith(("UV_", "SSL_", "HTTP"))}
    async with running_runner(bus, nats_url, tmp_path, environment=passed):
        upload = await caller.upload(zipped({"run.py": f"import {name}\n", "requirements.txt": f"{name}\n"}))
        command = caller.command(DeployJob, TRIGGERED, "job", upload=upload, kind=UploadKind.ZIP)
        reply = await caller.ask(command, timeout=120)
        assert reply.code is ReplyCode.DONE, reply.message
        assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)


def remove(folder: Path) -> None:
    """Remove environments as an operator would, who knows that they are write-protected."""
    for place, _, _ in os.walk(folder):
        os.chmod(place, 0o755)
    shutil.rmtree(folder)


async def definition_of(bus: Bus, job_type: JobType, job_name: str) -> JobDefinition | None:
    entry = await bus.jobs.get(Subjects.definition_key(job_type, job_name))
    return msgspec.json.decode(entry.value, type=JobDefinition) if entry else None
