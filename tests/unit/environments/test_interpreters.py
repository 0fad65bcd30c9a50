"""Which interpreters of Python there are, and what is remembered of them."""

import json
import os
from pathlib import Path

import pytest
from support.fake_programs import FakePrograms
from webjobs_environments.interpreters import Interpreters
from webjobs_environments.tools import Tools
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable

FACTS = {"implementation": "cpython", "version": "3.12.1", "abi": "cpython-312", "libc": "glibc-2.36"}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "python3"
    path.touch()
    return path


def interpreters(starter: FakePrograms, python: Path, home: Path) -> Interpreters:
    return Interpreters(Tools(starter, {"HOME": str(home)}), [], lambda _: str(python))


def facts(python: Path) -> str:
    return json.dumps({**FACTS, "path": str(python)})


async def test_an_interpreter_is_asked_once_until_it_changes(python: Path, tmp_path: Path) -> None:
    starter = FakePrograms([facts(python)])
    found = interpreters(starter, python, tmp_path)
    assert (await found.choose(">=3.11")) is (await found.choose(""))
    assert starter.starts == 1
    os.utime(python, (1, 1))
    await found.choose("")
    assert starter.starts == 2


@pytest.mark.parametrize(
    "failure", ["", DependenciesUnavailable(PreparationStage.READ, "no room for a process")]
)
async def test_an_interpreter_that_failed_once_is_asked_again(
    python: Path, tmp_path: Path, failure: str | Exception
) -> None:
    found = interpreters(FakePrograms([failure, facts(python)]), python, tmp_path)
    with pytest.raises(DependenciesRefused, match="No Python here starts: tried python3"):
        await found.choose("")
    assert (await found.choose("")).version == "3.12.1"


async def test_what_is_there_is_named_where_nothing_fits(python: Path, tmp_path: Path) -> None:
    with pytest.raises(DependenciesRefused, match=r"fits requires-python '>=4': there is 3\.12\.1\. Change"):
        await interpreters(FakePrograms([facts(python)]), python, tmp_path).choose(">=4")
