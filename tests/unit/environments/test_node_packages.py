"""Which Node.js installs packages, and what is said of one that does not work."""

import json
from pathlib import Path

import pytest
from support.fake_programs import FakePrograms
from webjobs_environments.node_packages import NodePackages
from webjobs_environments.tools import Tools
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable

FACTS = {"path": "/node", "implementation": "node", "version": "22.1.0", "abi": "127", "libc": "glibc-2.36"}


def node_packages(folder: Path, *outputs: str | Exception) -> NodePackages:
    (folder / "node").touch()
    return NodePackages(
        Tools(FakePrograms([*outputs]), {"HOME": str(folder)}), lambda _: str(folder / "node")
    )


async def test_what_a_node_that_fails_has_written_is_named(tmp_path: Path) -> None:
    packages = node_packages(tmp_path, "error while loading shared libraries: libz.so\n")
    with pytest.raises(
        DependenciesRefused, match=r"(?s)does not start:.*libz\.so.*Have the operator repair it\."
    ):
        await packages.choose()


async def test_a_node_that_is_killed_is_tried_again(tmp_path: Path) -> None:
    packages = node_packages(tmp_path, "", json.dumps(FACTS))
    with pytest.raises(DependenciesUnavailable, match=r"was killed\. Try again"):
        await packages.choose()
    assert (await packages.choose()).version == "22.1.0"
