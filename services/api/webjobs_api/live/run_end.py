"""Whether a run that somebody follows has ended."""

import structlog
from webjobs_events.errors import WebJobsError
from webjobs_events.job import JobName
from webjobs_events.run_id import RunId
from webjobs_events.status import is_terminal

from webjobs_api.log_stream import Ended
from webjobs_api.runs import Runs

log = structlog.stdlib.get_logger(__name__)


def end_of_run(runs: Runs, job_name: JobName, run_id: RunId) -> Ended:
    """Answers whether the run has ended; while nobody can tell, it has not, and the reader stays."""

    async def has_ended() -> bool:
        try:
            current = await runs.find(job_name, run_id)
        except WebJobsError as error:
            log.debug("the end of a followed run is unknown", run_id=run_id, error=str(error))
            return False
        return current is None or is_terminal(current.status)

    return has_ended
