"""The wheels of both distributions: what `make wheel` builds, and what works where only one is installed."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.programs import find_program

ROOT = Path(__file__).parents[2]
CLIENT_PACKAGES = {"webjobs_cli", "webjobs_client", "webjobs_environments", "webjobs_job", "webjobs_rules"}
UV = Path(sys.executable).with_name("uv")
# Read at once: tests run without the caller's variables.
FROM_INDEX = bool(os.environ.get("WEBJOBS_TEST_INDEX"))
needs_index = pytest.mark.skipif(
    not FROM_INDEX, reason="WEBJOBS_TEST_INDEX is not set: it downloads packages"
)


def build(folder: Path) -> dict[str, Path]:
    """Both wheels, by distribution."""
    command = [sys.executable, ROOT / "release" / "build.py", folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"), reverse=True)
    assert (sorted(done.stdout.splitlines(), reverse=True), done.stderr) == (
        [str(each) for each in wheels],
        "",
    )
    return {wheel.name.split("-")[0]: wheel for wheel in wheels}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("dist"))


def pythons() -> list[str]:
    """Each Python on this machine that webjobs supports, one of a minor version."""
    siblings = sorted(Path(sys.base_prefix).parent.glob("*/bin/python3"))
    found = [find_program(f"python3.{minor}") for minor in range(11, 16)]
    minors: dict[tuple[int, int], str] = {}
    for program in [sys.executable, *map(str, siblings), *filter(None, found)]:
        said = subprocess.run(
            [program, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
        )
        if said.returncode == 0:
            major, minor = map(int, said.stdout.split())
            minors.setdefault((major, minor), program)
    return [program for version, program in sorted(minors.items()) if version >= (3, 11)]


def install(environment: Path, python: str, *packages: str | Path) -> Path:
    """A fresh environment with these packages and what they require; returns its folder of programs."""
    subprocess.run([UV, "venv", "--quiet", "--no-project", "--python", python, environment], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", environment, *packages], check=True)
    return environment / "bin"


def output_of(*command: str | Path) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(command[0]).parent)
    return said.stdout.strip()


def test_equal_sources_make_byte_equal_wheels(wheels: dict[str, Path], tmp_path: Path) -> None:
    again = build(tmp_path)
    assert set(again) == {"webjobs", "webjobs_client"}
    for name, wheel in wheels.items():
        assert (
            hashlib.sha256(wheel.read_bytes()).digest() == hashlib.sha256(again[name].read_bytes()).digest()
        )


def test_each_wheel_lists_what_it_requires(wheels: dict[str, Path]) -> None:
    for name, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            (sbom,) = (each for each in archive.namelist() if "/sboms/" in each)
            text = archive.read(sbom).decode()
        bom = json.loads(text)
        assert bom["bomFormat"] == "CycloneDX" and bom["metadata"]["component"]["name"] == name.replace(
            "_", "-"
        )
        components = {each["name"]: each["version"] for each in bom["components"]}
        assert {"click", "msgspec"} <= set(components)
        assert ("aiohttp" in components, "propcache" in components) == (name == "webjobs",) * 2
        assert "simple" not in text and "files." not in text  # no address of an index


def test_the_client_is_a_small_part_of_the_whole(wheels: dict[str, Path]) -> None:
    packed = {}
    for name, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            packed[name] = {
                each.filename: each.CRC for each in archive.infolist() if ".dist-info/" not in each.filename
            }
    assert packed["webjobs_client"].items() <= packed["webjobs"].items()
    assert {each.partition("/")[0] for each in packed["webjobs_client"]} == CLIENT_PACKAGES


def test_the_client_requires_no_other_versions_than_the_whole() -> None:
    whole, client = (
        tomllib.loads(path.read_text())["project"]
        for path in (ROOT / "pyproject.toml", ROOT / "release" / "client" / "pyproject.toml")
    )
    required = {each.name: each.specifier for each in map(Requirement, whole["dependencies"])}
    extras = client["optional-dependencies"]
    for each in map(Requirement, [*client["dependencies"], *extras["async"], *extras["nats"]]):
        assert required[each.name] == each.specifier
    assert client["scripts"] == whole["scripts"] and client["requires-python"] == whole["requires-python"]


@needs_index
@pytest.mark.timeout(600)
def test_the_client_alone_works_on_every_python_and_is_small(wheels: dict[str, Path], tmp_path: Path) -> None:
    version = re.findall(r"-(\d[^-]*)-", wheels["webjobs_client"].name)[0]
    for place, python in enumerate(pythons()):
        programs = install(tmp_path / str(place), python, wheels["webjobs_client"])
        webjobs = programs / "webjobs"
        assert output_of(webjobs, "--version") == f"webjobs {version}"
        assert "The stack:" in output_of(webjobs, "--help")
        without = subprocess.run([webjobs, "up"], capture_output=True, text=True, cwd=tmp_path)
        assert without.returncode == 1 and "pip install webjobs" in without.stderr
    (packages,) = (tmp_path / "0").glob("lib/python*/site-packages")
    files = [each for each in packages.rglob("*") if each.is_file() and "__pycache__" not in each.parts]
    assert sum(each.stat().st_size for each in files) < 5_000_000


@needs_index
@pytest.mark.timeout(600)
def test_the_whole_works_on_every_python(wheels: dict[str, Path], tmp_path: Path) -> None:
    everything = "; ".join(f"import webjobs_{part}.app" for part in ("api", "runner", "history", "stack"))
    for place, python in enumerate(pythons()):
        programs = install(tmp_path / str(place), python, wheels["webjobs"])
        assert output_of(programs / "webjobs", "--version").startswith("webjobs ")
        output_of(programs / "python", "-c", everything.replace("stack.app", "stack.stack"))
