"""Whose turn it is among the runs of a job: decided by the order of their commands in the queue."""

from collections.abc import Sequence


def is_turn_of(sequence: int, oldest: Sequence[int], at_once: int | None) -> bool:
    """Whether a command may begin: fewer than `at_once` older ones of its job are unfinished.

    A command leaves the queue only after the last process of its run has ended, and new ones come behind
    it. So a turn that has come does not pass, and never more than `at_once` have theirs.

    Args:
        sequence: Of the command in the queue.
        oldest: Sequences of the job's oldest unfinished commands, in order: `at_once` of them, or all.
        at_once: Runs that there may be at the same time; None: any number.
    """
    return at_once is None or sequence in oldest[:at_once]


def to_be_replaced(sequence: int, unfinished: Sequence[int], at_once: int) -> Sequence[int]:
    """The commands that have to go so that this one's turn comes: the oldest ones before it.

    Args:
        sequence: Of the command in the queue.
        unfinished: Sequences of all unfinished commands of its job, in order.
        at_once: Runs that there may be at the same time.
    """
    older = [each for each in unfinished if each < sequence]
    return older[: max(0, len(older) - at_once + 1)]
