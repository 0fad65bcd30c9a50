"""A working copy finds the packages of Node.js that an environment has."""

import os
from pathlib import Path

import pytest
from webjobs_environments.held_environment import HeldEnvironment


@pytest.fixture
def environment(tmp_path: Path) -> HeldEnvironment:
    for path in ("alpha/index.js", "@scope/beta/index.js", ".bin/tool", ".package-lock.json"):
        place = tmp_path / "environment" / "node_modules" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path)
    return HeldEnvironment(str(tmp_path / "environment"), lambda: None, is_node=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


def test_packages_are_linked_once(environment: HeldEnvironment, copy: Path) -> None:
    environment.link_into(str(copy))
    made = os.lstat(copy / "node_modules").st_ino
    environment.link_into(str(copy))
    assert (copy / "node_modules" / "alpha" / "index.js").read_text() == "alpha/index.js"
    assert os.lstat(copy / "node_modules").st_ino == made
    assert os.listdir(copy) == ["node_modules"]


def test_the_link_follows_another_environment(
    environment: HeldEnvironment, copy: Path, tmp_path: Path
) -> None:
    environment.link_into(str(copy))
    other = HeldEnvironment(str(tmp_path / "other"), lambda: None, is_node=True)
    other.link_into(str(copy))
    assert os.readlink(copy / "node_modules") == str(tmp_path / "other" / "node_modules")


def test_packages_are_linked_beside_what_git_and_tools_left_in_node_modules(
    environment: HeldEnvironment, copy: Path, tmp_path: Path
) -> None:
    own = copy / "node_modules"
    own.mkdir()
    (own / ".gitkeep").touch()
    environment.link_into(str(copy))
    environment.link_into(str(copy))
    assert sorted(os.listdir(own)) == [".gitkeep", "@scope", "alpha"]
    assert (own / "@scope" / "beta" / "index.js").read_text() == "@scope/beta/index.js"
    assert os.listdir(copy) == ["node_modules"]
    newer = tmp_path / "newer" / "node_modules" / "alpha"
    newer.mkdir(parents=True)
    HeldEnvironment(str(tmp_path / "newer"), lambda: None, is_node=True).link_into(str(copy))
    assert os.readlink(own / "alpha") == str(newer)


def test_a_module_that_a_script_has_written_stays(environment: HeldEnvironment, copy: Path) -> None:
    own = copy / "node_modules" / "alpha"
    own.mkdir(parents=True)
    (own / "index.js").write_text("own")
    environment.link_into(str(copy))
    assert (own / "index.js").read_text() == "own"


def test_an_environment_of_python_is_not_linked(copy: Path, tmp_path: Path) -> None:
    HeldEnvironment(str(tmp_path / "environment"), lambda: None).link_into(str(copy))
    assert not os.listdir(copy)
