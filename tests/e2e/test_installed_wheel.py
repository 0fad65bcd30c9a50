"""`webjobs` as pip installs it: the wheel in a fresh environment, with what it declares and nothing else."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.client import client_of, unique
from support.eventually import eventually
from support.stack import READY
from webjobs_stack.ports import free_port

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
# Read at once: tests run without the caller's variables.
FROM_INDEX = bool(os.environ.get("WEBJOBS_TEST_INDEX"))
"""Whether the requirements are downloaded; otherwise those installed here are linked."""
PACKAGES = (
    "libs/rules/webjobs_rules",
    "libs/environments/webjobs_environments",
    "libs/client/webjobs_client",
    "libs/job/webjobs_job",
    "libs/events/webjobs_events",
    "libs/service/webjobs_service",
    "services/api/webjobs_api",
    "services/runner/webjobs_runner",
    "services/history/webjobs_history",
    "tools/stack/webjobs_stack",
    "tools/cli/webjobs_cli",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("webjobs-*.whl")
    return built


def test_the_wheel_holds_every_file_of_every_package(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(folder.parent).as_posix()
        for folder in (ROOT / package for package in PACKAGES)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == expected
    assert zipfile.ZipFile(wheel).read("webjobs_stack/nats-server.conf").startswith(b"# NATS")


def test_the_description_on_a_package_index_has_no_relative_link(wheel: Path) -> None:
    (metadata,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    description = zipfile.ZipFile(wheel).read(metadata).decode().partition("\n\n")[2]
    assert "See settings.job and Schedules." in description
    assert [link for link in re.findall(r"\]\(([^)]*)\)", description) if not link.startswith("https:")] == []


@pytest.mark.timeout(600)  # downloads may take long
async def test_the_default_install_runs_the_stack(wheel: Path, tmp_path: Path) -> None:
    await runs_the_stack(await asyncio.to_thread(installed, wheel, tmp_path / "venv"), wheel, tmp_path)


@pytest.mark.skipif(not FROM_INDEX, reason="WEBJOBS_TEST_INDEX is not set: it downloads packages")
@pytest.mark.timeout(600)
async def test_the_lowest_versions_that_are_declared_run_the_stack(wheel: Path, tmp_path: Path) -> None:
    environment, declared = tmp_path / "venv", tmp_path / "declared.txt"
    declared.write_text("\n".join(declared_by(wheel)))
    await asyncio.to_thread(subprocess.run, [UV, "venv", "-q", "--no-project", environment], check=True)
    install = [UV, "pip", "install", "-q", "--python", environment, "--resolution", "lowest-direct"]
    await asyncio.to_thread(subprocess.run, [*install, "-r", declared, wheel], check=True)
    await runs_the_stack(environment, wheel, tmp_path)


def declared_by(wheel: Path) -> list[str]:
    (metadata,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    return re.findall(r"(?m)^Requires-Dist: (.+)$", zipfile.ZipFile(wheel).read(metadata).decode())


async def runs_the_stack(environment: Path, wheel: Path, tmp_path: Path) -> None:
    """Start it as a person does, run a job, look at its page, stop it."""
    program = environment / "bin" / "webjobs"
    assert await asyncio.to_thread(version_said_by, program) == wheel.name.split("-")[1]
    port, output = free_port(), tmp_path / "output"
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            program,
            *("up", "--data", str(tmp_path / "data"), "--port", str(port)),
            stdout=written,
            stderr=written,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "WEBJOBS_TEMP": str(tmp_path / "temp")},
        )
    try:
        await eventually(lambda: READY in output.read_text() or process.returncode is not None, 90)
        assert process.returncode is None, output.read_text()
        async with client_of(f"http://127.0.0.1:{port}") as client:
            name = unique("hello")
            await client.put_script("triggered", name, "echo hello")
            run = await client.run_to_end(name)
            assert run["status"] == "Success"
            assert (await client.get(f"/pages/triggered/{name}")).status == 200
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def version_said_by(program: Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, cwd=program.parent)
    return said.stdout.strip().removeprefix("webjobs ") or said.stderr


def installed(wheel: Path, environment: Path) -> Path:
    """A fresh environment with the wheel and its requirements."""
    if FROM_INDEX:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin" / "pip", "install", "--quiet", wheel], check=True)
        return environment
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    subprocess.run(
        [
            UV,
            "pip",
            "install",
            "--quiet",
            "--offline",
            "--no-deps",
            "--no-cache",
            "--python",
            environment,
            wheel,
        ],
        check=True,
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    link_requirements(packages)
    return environment


def link_requirements(packages: Path) -> None:
    """Link the files of what `webjobs` in this folder declares, and of what that declares, and so on."""
    (own,) = packages.glob("webjobs-*.dist-info")
    waiting = requirements_in((own / "METADATA").read_text(), frozenset())
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = requirement.name.lower(), frozenset(requirement.extras)
        if key in done:
            continue
        done.add(key)
        found = distribution(requirement.name)
        assert found.version in requirement.specifier, requirement
        for file in found.files or ():
            place = packages / file
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists() and "__pycache__" not in file.parts:
                place.symlink_to(Path(str(found.locate_file(file))).resolve())
        waiting += requirements_in(found.read_text("METADATA") or "", key[1])


def requirements_in(metadata: str, extras: frozenset[str]) -> list[Requirement]:
    """What a distribution requires here, with these extras of it."""
    found = [Requirement(line) for line in re.findall(r"(?m)^Requires-Dist: (.+)$", metadata)]
    return [
        each
        for each in found
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]
