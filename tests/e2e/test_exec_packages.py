"""`webjobs exec` installs the packages of a job as a runner does, into the cache of the user."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from support.eventually import eventually
from support.package_index import PackageIndex, package_index, wheel

PRINTS = "import alpha, beta, sys\nprint('has', alpha.VERSION, beta.VERSION, sys.prefix)\n"
MAIN = (sys.executable, "-c", "from webjobs_cli.main import main; main()")


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(wheel("alpha"), wheel("beta", requires=["alpha>=1"])) as found:
        yield found


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "run.py").write_text(PRINTS)
    (folder / "requirements.txt").write_text("beta\n")
    return folder


def variables(index: PackageIndex, tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, **index.variables, "XDG_CACHE_HOME": str(tmp_path / "cache"), **more}


def executed(
    job: Path, environment: Mapping[str, str], *options: str, folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*MAIN, "exec", *options, str(job)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_packages_are_installed_once_and_found_by_the_script(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    environment = variables(index, tmp_path)
    first = executed(job, environment)
    assert first.returncode == 0, first.stderr
    assert f"has 1.0 1.0 {tmp_path}/cache/webjobs/environments/python/" in first.stdout
    assert "Resolving requirements.txt" in first.stderr and "2 packages are installed" in first.stderr
    assert "environment at" not in first.stderr and "are not installed" not in first.stderr
    index.failing = True  # the second time nothing is asked
    second = executed(job, environment)
    assert (second.returncode, "Resolving" in second.stderr) == (0, False), second.stderr
    third = executed(job, environment, "--dependencies", "off")
    assert third.returncode == 1 and "No module named 'alpha'" in third.stdout
    assert "are not installed, by --dependencies off" in third.stderr


def test_wheels_lie_in_a_folder_that_is_named_relative_to_where_the_command_is_called(
    job: Path, tmp_path: Path
) -> None:
    (tmp_path / "wheels").mkdir()
    for name, content in (wheel("alpha"), wheel("beta", requires=["alpha>=1"])):
        (tmp_path / "wheels" / name).write_bytes(content)
    here = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "UV_FIND_LINKS": "wheels", "UV_OFFLINE": "1"}
    run = executed(job, {**os.environ, **here}, folder=tmp_path)
    assert run.returncode == 0 and "has 1.0 1.0" in run.stdout, run.stderr


def test_an_interpreter_that_is_named_by_its_path_is_that_of_the_environment(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    hosts = json.dumps({".py": [sys.executable, "-u"]})
    run = executed(job, variables(index, tmp_path, WEBJOBS_SCRIPT_HOSTS=hosts))
    assert run.returncode == 0, run.stdout
    assert f"has 1.0 1.0 {tmp_path}/cache/webjobs/environments/python/" in run.stdout


def test_packages_that_cannot_be_installed_are_refused_in_the_words_of_a_runner(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    (job / "requirements.txt").write_text("gamma\n")
    failed = executed(job, variables(index, tmp_path), "--quiet")
    assert (failed.returncode, failed.stdout) == (125, "")
    assert "requirements.txt cannot be resolved" in failed.stderr
    assert "Check how gamma is spelled." in failed.stderr
    index.failing = True
    away = executed(job, variables(index, tmp_path), "--quiet")
    assert away.returncode == 125 and "an index of packages is away" in away.stderr


def test_settings_leave_packages_out(index: PackageIndex, job: Path, tmp_path: Path) -> None:
    (job / "settings.job").write_text('{"dependencies": "off"}')
    failed = executed(job, variables(index, tmp_path))
    assert failed.returncode == 1 and "No module named 'alpha'" in failed.stdout
    assert not index.requests


def test_a_script_that_is_run_from_the_desk_sees_no_login_of_an_index(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    (job / "run.py").write_text(f"import os\n{PRINTS}print(sorted(os.environ))\n")
    run = executed(job, variables(index, tmp_path, UV_INDEX_LOGIN="secret", NPM_TOKEN="secret"))
    assert run.returncode == 0 and "VIRTUAL_ENV" in run.stdout
    assert "UV_" not in run.stdout.replace("has", "") and "NPM_TOKEN" not in run.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_an_installation_and_leaves_no_half_environment(
    index: PackageIndex, job: Path, tmp_path: Path, number: signal.Signals
) -> None:
    environment = variables(index, tmp_path, UV_HTTP_TIMEOUT="120")  # it is interrupted before
    index.held.clear()
    pipe = asyncio.subprocess.PIPE
    # Tests that are started in the background of a shell ignore SIGINT, and so would what they start.
    code = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MAIN[2]}"
    process = await asyncio.create_subprocess_exec(
        *MAIN[:2], code, "exec", str(job), env=environment, stdout=pipe, stderr=pipe
    )
    try:
        await eventually(lambda: any("files/" in path for path in list(index.requests)), 30)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(number)
        async with asyncio.timeout(30):
            await process.communicate()
        assert process.returncode == 128 + number
        gone, alive = psutil.wait_procs(children, timeout=30)
        assert (len(gone), alive) == (len(children), [])
    finally:
        index.held.set()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    environments = tmp_path / "cache/webjobs/environments/python"
    assert [path.name for path in environments.glob("*.json")] == []
    assert executed(job, environment).returncode == 0


def test_environments_that_are_unused_for_long_are_removed(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    environment = variables(index, tmp_path)
    assert executed(job, environment).returncode == 0
    folder = tmp_path / "cache/webjobs/environments/python"
    (key,) = [path.stem for path in folder.glob("*.json")]
    long_ago = time.time() - 31 * 24 * 3600
    for path in folder.glob(f"{key}.*"):
        os.utime(path, (long_ago, long_ago))
    (job / "requirements.txt").write_text("alpha\n")
    (job / "run.py").write_text("import alpha\n")
    assert executed(job, environment).returncode == 0
    assert not (folder / key).exists()


def test_an_environment_that_was_unused_for_long_is_used_again_without_an_index(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    environment = variables(index, tmp_path)
    assert executed(job, environment).returncode == 0
    long_ago = time.time() - 31 * 24 * 3600
    for path in (tmp_path / "cache/webjobs/environments/python").iterdir():
        os.utime(path, (long_ago, long_ago))
    index.failing = True
    assert executed(job, environment).returncode == 0


def test_an_environment_that_was_changed_is_built_again(
    index: PackageIndex, job: Path, tmp_path: Path
) -> None:
    environment = variables(index, tmp_path)
    assert executed(job, environment).returncode == 0
    (module,) = (tmp_path / "cache").glob("webjobs/environments/python/*/lib/python*/site-packages/alpha.py")
    module.parent.chmod(0o755)
    module.unlink()
    again = executed(job, environment)
    assert again.returncode == 0, again.stdout


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("WEBJOBS_ENVIRONMENT_LIMIT_MB", "2GB", 2, "not a number of megabytes"),
        ("WEBJOBS_INSTALL_SCRIPTS", "all", 2, "expected none or listed"),
        ("WEBJOBS_DEPENDENCIES", "no", 2, "expected on or off"),
        ("XDG_CACHE_HOME", "/dev/null/x", 125, "were not installed"),
    ],
)
def test_wrong_settings_and_folders_are_named(
    index: PackageIndex, job: Path, tmp_path: Path, name: str, value: str, code: int, says: str
) -> None:
    run = executed(job, variables(index, tmp_path, **{name: value}))
    assert run.returncode == code and says in run.stderr, run.stderr


def test_the_variable_of_the_site_leaves_packages_out(index: PackageIndex, job: Path, tmp_path: Path) -> None:
    run = executed(job, variables(index, tmp_path, WEBJOBS_DEPENDENCIES="off"))
    assert run.returncode == 1 and "No module named 'alpha'" in run.stdout
    assert not index.requests


def test_without_uv_it_says_what_to_install(index: PackageIndex, job: Path, tmp_path: Path) -> None:
    environment = variables(index, tmp_path, PATH="/usr/bin:/bin")
    hidden = "import sys; sys.modules['uv'] = None; from webjobs_cli.main import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", hidden, "exec", "--quiet", str(job)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 125
    assert "uv, which is not here" in run.stderr and "webjobs-client[packages]" in run.stderr
