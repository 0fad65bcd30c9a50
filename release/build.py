"""Build the wheels of both distributions into dist/: `make wheel`.

Equal sources make byte-equal wheels. Each holds metadata that an index accepts, and a bill of materials
(CycloneDX, PEP 770) of what it requires, in the versions that are installed here from the pins.
"""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECTS = {"webjobs": ROOT, "webjobs-client": ROOT / "release" / "client"}
"""Folder of the pyproject.toml of each distribution."""


def main() -> None:
    """Build both into the folder that is named, or else into dist/, and print the path of each."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    folder.mkdir(exist_ok=True)
    for name in PROJECTS:
        print(build_wheel(name, folder.resolve()))


def build_wheel(name: str, folder: Path) -> Path:
    """Build the wheel of a distribution into a folder; one of the same name is replaced.

    Raises:
        CalledProcessError: The build failed.
        ExceptionGroup: Its metadata is not valid; one `InvalidMetadata` for each field.
    """
    project, sbom = PROJECTS[name], folder / f"{name}.cdx.json"
    sbom.write_text(bill_of_materials(name))
    try:
        command = [
            sys.executable,
            "-m",
            "hatchling",
            "build",
            "--target",
            "wheel",
            "--directory",
            str(folder),
        ]
        environment = os.environ | {"WEBJOBS_SBOM": str(sbom)}
        # Its own words are only of use when it fails.
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout, done.stderr, sep="", file=sys.stderr)
            done.check_returncode()
    finally:
        sbom.unlink()
    wheel = folder / f"{name.replace('-', '_')}-{version()}-py3-none-any.whl"
    check_metadata(wheel)
    return wheel


def version() -> str:
    """The version of this tree, of both distributions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def check_metadata(wheel: Path) -> None:
    """Read the metadata of a wheel as an index does.

    Raises:
        ExceptionGroup: It is not valid.
    """
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        Metadata.from_email(archive.read(name), validate=True)


def bill_of_materials(name: str) -> str:
    """What a distribution requires, directly or not, as CycloneDX JSON."""
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    own = Component(
        name=name,
        version=version(),
        type=ComponentType.APPLICATION,
        purl=PackageURL("pypi", None, name, version()),
        bom_ref=name,
    )
    bom = Bom()
    bom.serial_number = None  # type: ignore[assignment]  # random, and equal sources make equal wheels
    bom.metadata.timestamp = None  # type: ignore[assignment]
    bom.metadata.component = own
    components = {name: own}
    requirements = {name: [Requirement(each) for each in project["dependencies"]]}
    waiting = [name]
    while waiting:
        requirer = waiting.pop()
        for requirement in requirements[requirer]:
            key = canonicalize_name(requirement.name)
            if key not in components:
                components[key] = component(key)
                bom.components.add(components[key])
            found = [
                each for each in required_by(key, requirement.extras) if each not in requirements.get(key, [])
            ]
            if found or key not in requirements:
                requirements[key] = [*requirements.get(key, []), *found]
                waiting.append(key)
            bom.register_dependency(components[requirer], [components[key]])
    return str(JsonV1Dot6(bom).output_as_string(indent=1))


def component(name: str) -> Component:
    """A distribution that is installed here."""
    version = distribution(name).version
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, name, version),
        bom_ref=name,
    )


def required_by(name: str, extras: set[str]) -> list[Requirement]:
    """What a distribution that is installed here requires on this machine, with some of its extras."""
    requirements = (Requirement(re.sub(r"\s+", " ", each)) for each in distribution(name).requires or ())
    return [
        each
        for each in requirements
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in {"", *extras})
    ]


if __name__ == "__main__":
    main()
