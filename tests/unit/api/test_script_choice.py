"""Which script a runner would choose, by the names of a folder's files alone."""

import pytest
from webjobs_api.jobs.errors import InvalidNames
from webjobs_api.jobs.script_choice import MAX_NAMES, names_of, script_choice

CHOICES = {
    "run wins": (["a.py", "run.py", "b.sh"], "run.py", "python3"),
    "the order of hosts decides": (["a.py", "b.sh"], "b.sh", "bash"),
    "a folder in the folder": (["job/run.js", "job/lib/a.py"], "job/run.js", "node"),
    "litter is not looked at": (["._run.sh", "__MACOSX/run.sh", "job/main.php"], "job/main.php", "php"),
    "no extension": (["run", "data.txt"], "run", None),
    "nothing runs": (["data.txt", "settings.job"], None, None),
    "no file": ([], None, None),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_choice_is_that_of_a_runner_with_every_program(case: str) -> None:
    names, script, program = CHOICES[case]
    choice = script_choice(names)
    assert (choice.script, choice.program) == (script, program)
    assert (choice.host is None) == (script is None)


def test_doubts_are_said_and_other_files_are_named() -> None:
    choice = script_choice(["a.py", "b.py", "requirements.txt", "settings.job"])
    assert choice.candidates == ["a.py", "b.py"] and choice.found == ["requirements.txt", "settings.job"]
    assert "among 2 candidates" in choice.warnings[0] and "does not install" in choice.warnings[1]
    assert script_choice(["run.sh", "requirements.txt"]).warnings == []
    assert "#!" in script_choice(["run"]).warnings[0]
    assert "No runnable script" in script_choice(["a.txt"]).warnings[0]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"names": "run.py"}', b'{"names": [1]}', b'{"names": [], "x": 1}', b"\xff"]
)
def test_another_body_is_refused_with_an_example(body: bytes) -> None:
    with pytest.raises(InvalidNames, match=r"run\.py"):
        names_of(body)


def test_the_number_of_names_is_bounded() -> None:
    assert len(names_of(b'{"names": [' + b",".join([b'"a"'] * MAX_NAMES) + b"]}")) == MAX_NAMES
    with pytest.raises(InvalidNames, match="20,000"):
        names_of(b'{"names": [' + b",".join([b'"a"'] * (MAX_NAMES + 1)) + b"]}")
