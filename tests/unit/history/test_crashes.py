import pytest
from support.stories import Instance, at
from webjobs_events.events import ContinuousEvent
from webjobs_history.domain.fold import Fold
from webjobs_history.domain.rows import InstanceRow

# Each letter is a step at its second: i Initializing, s Starting, r Running, c ended with exit code 1,
# 0 ended with exit code 0, k killed by a signal, x Stopping, z Stopped, l two minutes pass, a 100 s pass.
STORIES: list[tuple[str, int, int | None]] = [
    ("is", 0, None),
    ("isr", 0, None),
    ("isrc", 1, 3),
    ("isrcsrcsrc", 3, 3),
    ("isrcsrk", 2, 3),
    ("iscsc", 2, 2),
    ("isrcsr", 1, 3),
    ("isrcsr0", 0, None),
    ("isrcsr0src", 1, 9),
    ("isrcsrcsrlc", 1, 128),
    ("isrcsrcsrac", 3, 3),
    ("isrcsrcxz", 0, None),
    ("isrcsrci", 0, None),
]


@pytest.mark.parametrize(("story", "crashes", "since"), STORIES)
def test_crashes_in_a_row_are_counted(story: str, crashes: int, since: int | None) -> None:
    row = row_after(story)
    assert row.crashes == crashes
    assert row.crashing_since == (None if since is None else at(since))


def row_after(story: str) -> InstanceRow:
    job, second = Instance(), 0
    steps = {
        "i": job.initializing,
        "s": job.starting,
        "r": job.running,
        "c": job.pending_restart,
        "0": lambda second: job.pending_restart(second, exit_code=0),
        "k": lambda second: job.pending_restart(second, exit_code=None, signal=9),
        "x": job.stopping,
        "z": job.stopped,
    }
    events: list[ContinuousEvent] = []
    for letter in story:
        if letter in "la":
            second += {"l": 119, "a": 99}[letter]
            continue
        events.append(steps[letter](second))
        second += 1
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert fold.refused == 0
    (row,) = fold.instances_to_put
    return row
