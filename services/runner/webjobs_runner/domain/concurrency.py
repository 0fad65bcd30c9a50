"""Which runs of a job may start: decided by the order of their commands in the queue."""

from collections.abc import Sequence


def may_start(sequence: int, oldest: Sequence[int], limit: int | None) -> bool:
    """Whether a run may start: fewer than `limit` older commands of its job are in the queue.

    A command leaves the queue only after the last process of its run has ended, and new ones come behind
    it. So a run that may start keeps that right, and never more than `limit` have it.

    Args:
        sequence: Of the command in the queue.
        oldest: Sequences of the job's oldest commands in the queue, in order: `limit` of them, or all.
        limit: Runs of the job at a time; None: any number.
    """
    return limit is None or sequence in oldest[:limit]


def replaced_by(sequence: int, queued: Sequence[int], limit: int) -> Sequence[int]:
    """Returns the commands that have to end so that this one may start: the oldest ones before it.

    Args:
        sequence: Of the command in the queue.
        queued: Sequences of all commands of its job in the queue, in order.
        limit: Runs of the job at a time.
    """
    older = [each for each in queued if each < sequence]
    return older[: max(0, len(older) - limit + 1)]
