"""docs/state_machine.md draws and explains exactly the transitions and reasons of status.py."""

import re
from pathlib import Path

import pytest
from webjobs_rules.job import JobType
from webjobs_rules.status import TERMINAL_STATUSES, TRANSITIONS, Reason, Status

PAGE = (Path(__file__).parents[3] / "docs" / "state_machine.md").read_text()
HEADINGS = {
    JobType.TRIGGERED: "## A run of a triggered job",
    JobType.CONTINUOUS: "## A continuous job, on each instance",
}
START_OR_END = "[*]"


def section(heading: str) -> str:
    return PAGE.split(heading + "\n")[1].split("\n## ")[0]


def transitions(job_type: JobType) -> set[tuple[str, str]]:
    return {
        (before.value if before else "nothing", after.value)
        for before, entered in TRANSITIONS[job_type].items()
        for after in entered
    }


@pytest.mark.parametrize("job_type", JobType)
def test_the_arrows_of_the_diagram_are_the_transitions(job_type: JobType) -> None:
    diagram = section(HEADINGS[job_type]).split("```mermaid\n")[1].split("```")[0]
    arrows = re.findall(r"^\s+(\S+) --> (\S+)$", diagram, re.M)
    assert len(arrows) == len(set(arrows)) == diagram.count("-->")
    ends = {before for before, after in arrows if after == START_OR_END}
    assert ends == (
        {status.value for status in TERMINAL_STATUSES} if job_type is JobType.TRIGGERED else set()
    )
    drawn = {
        ("nothing" if before == START_OR_END else before, after)
        for before, after in arrows
        if after != START_OR_END
    }
    assert drawn == transitions(job_type)


@pytest.mark.parametrize("job_type", JobType)
def test_each_arrow_is_explained_once(job_type: JobType) -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (.+) \|$", section(HEADINGS[job_type]), re.M)
    explained = [(before, after) for before, after, _ in rows if (before, after) != ("From", "To")]
    assert len(explained) == len(set(explained))
    assert set(explained) == transitions(job_type)
    assert all(because.endswith(".") for *_, because in rows if because != "Because")


def test_each_reason_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section("## Reasons"), re.M)
    assert [reason for reason, *_ in rows] == [reason.value for reason in Reason]
    told_by = {word for *_, events in rows for word in re.findall(r"`(\w+)`", events)}
    assert told_by <= {status.value for status in Status}
