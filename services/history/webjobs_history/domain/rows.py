"""The rows of the projection that are not read models themselves; a run's row is a `RunView`."""

from datetime import datetime

import msgspec
from webjobs_events.queries import RunView
from webjobs_rules.job import JobName
from webjobs_rules.status import Reason, Status

from webjobs_history.domain.job_statistics import JobStatistics


class JobRow(JobStatistics, frozen=True, kw_only=True):
    """A triggered job that has runs, and the statistics of those that have ended.

    Attributes:
        run_count: How many runs the projection holds, so that retention need not count.
        latest_run: The run with the greatest id, repeated here so that the latest runs of many jobs are
            one read.
    """

    job_name: JobName
    run_count: int
    latest_run: RunView | None


class InstanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a continuous job does on one instance.

    Attributes:
        boot: Start of the runner that reported it last; events of an earlier boot are refused.
        sequence: Of the last event of that boot; a repeat is refused.
        crashes: How many times in a row its process ended with an error soon after its start.
        crashing_since: When it did so first; None without a crash.
    """

    job_name: JobName
    instance: str
    boot: str
    sequence: int
    status: Status
    since: datetime
    digest: str
    exit_code: int | None = None
    reason: Reason | None = None
    evidence: str = ""
    crashes: int = 0
    crashing_since: datetime | None = None
