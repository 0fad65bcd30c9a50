"""How the log of a run that is read ends."""

import structlog
from webjobs_events.errors import WebJobsError
from webjobs_events.queries import RunView
from webjobs_events.status import is_terminal

from webjobs_api.http.urls import error_file
from webjobs_api.logs.reader import FinalLog, Look
from webjobs_api.runs.runs import Runs

log = structlog.stdlib.get_logger(__name__)


def final_log(run: RunView, file_name: str) -> FinalLog | None:
    """Returns what a run's final event says of a log of it; None while the run goes on."""
    if not is_terminal(run.status):
        return None
    is_error_log = file_name == error_file(run.run_id)
    return FinalLog(run.error_log_bytes if is_error_log else run.output_log_bytes)


def look_for_end(runs: Runs, run: RunView, file_name: str) -> Look:
    """Asks history; while it does not answer, the log may still grow, and its reader stays."""

    async def look() -> FinalLog | None:
        try:
            current = await runs.find(run.job_name, run.run_id)
        except WebJobsError as error:
            log.debug("the end of a followed run is unknown", run_id=run.run_id, error=str(error))
            return None
        return FinalLog(None, is_gone=True) if current is None else final_log(current, file_name)

    return look
