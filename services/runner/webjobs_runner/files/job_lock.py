"""One lock for each job's folder, held across processes while it is changed or copied."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from webjobs_rules.job import JobType

from webjobs_runner.files.site import Site


@contextmanager
def job_lock(site: Site, job_type: JobType, job_name: str) -> Iterator[None]:
    """Wait for the job's lock and hold it; it is free again when the process dies.

    The file stays, because removing a file that others may wait for would give them another lock.
    """
    place = site.lock_file(job_type, job_name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
