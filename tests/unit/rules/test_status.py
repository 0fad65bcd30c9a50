"""Transitions: every pair of statuses against a table written here on its own."""

import itertools

import pytest
from webjobs_events.events import EVENT_TYPES
from webjobs_rules.errors import IllegalTransition
from webjobs_rules.job import JobType
from webjobs_rules.status import TERMINAL_STATUSES, Status, is_terminal, next_status

LEGAL = {
    JobType.TRIGGERED: """
        nothing          -> Initializing
        Initializing     -> Running Success Failed Aborted
        Running          -> Success Failed Aborted
    """,
    JobType.CONTINUOUS: """
        nothing          -> Initializing
        Initializing     -> Initializing Starting InactiveInstance Stopping Stopped
        Starting         -> Initializing Running PendingRestart Stopping Stopped
        Running          -> Initializing PendingRestart Stopping Stopped
        PendingRestart   -> Initializing Starting InactiveInstance Stopping Stopped
        Stopping         -> Initializing Stopped
        Stopped          -> Initializing Starting InactiveInstance
        InactiveInstance -> Initializing Starting Stopping Stopped
    """,
}


def _legal_pairs(job_type: JobType) -> set[tuple[str, str]]:
    pairs = set()
    for line in LEGAL[job_type].split("\n"):
        before, _, after = line.partition("->")
        pairs |= {(before.strip(), word) for word in after.split()}
    return pairs


def _admitted_pairs(job_type: JobType) -> set[tuple[str, str]]:
    pairs = set()
    for current, entered in itertools.product([None, *Status], Status):
        try:
            assert next_status(job_type, current, entered) is entered
        except IllegalTransition as refusal:
            assert str(refusal) == f"{entered} cannot follow {current or 'nothing'}."
        else:
            pairs.add((current.value if current else "nothing", entered.value))
    return pairs


@pytest.mark.parametrize("job_type", JobType)
def test_exactly_the_legal_transitions_are_admitted(job_type: JobType) -> None:
    assert _admitted_pairs(job_type) == _legal_pairs(job_type)


@pytest.mark.parametrize("job_type", JobType)
@pytest.mark.parametrize("ended", sorted(TERMINAL_STATUSES))
@pytest.mark.parametrize("entered", Status)
def test_a_terminal_status_never_changes(job_type: JobType, ended: Status, entered: Status) -> None:
    with pytest.raises(IllegalTransition):
        next_status(job_type, ended, entered)


def test_success_failed_and_aborted_are_the_ends() -> None:
    assert [status.value for status in Status if is_terminal(status)] == ["Success", "Failed", "Aborted"]


@pytest.mark.parametrize("job_type", JobType)
def test_every_status_of_a_job_type_can_be_reached_and_no_run_can_be_stuck(job_type: JobType) -> None:
    told = {name for kind, name in EVENT_TYPES if kind == job_type} & {status.value for status in Status}
    legal = _admitted_pairs(job_type)
    reached, edge = set[str](), {"nothing"}
    while edge:
        edge = {after for before, after in legal if before in edge} - reached
        reached |= edge
    assert reached == told
    dead_ends = {status for status in reached if not any(before == status for before, _ in legal)}
    assert dead_ends == ({"Success", "Failed", "Aborted"} if job_type is JobType.TRIGGERED else set())


@pytest.mark.parametrize(("key", "event_type"), sorted(EVENT_TYPES.items(), key=lambda item: item[0]))
def test_an_event_that_enters_a_status_bears_its_name(key: tuple[str, str], event_type: type) -> None:
    status = getattr(event_type, "status", None)
    if not isinstance(status, Status):
        status = None  # a field, as of an imported run
    assert (status is None) == (key[1] not in {word.value for word in Status})
    assert status is None or status.value == key[1]
