"""When a run that is followed ends, and when it is removed: by the events of its job."""

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Deleted
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.queries import RunView
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.log_format import error_log
from webjobs_rules.status import is_terminal

from webjobs_api.backends.runs import Runs
from webjobs_api.backends.tail import Tails
from webjobs_api.logs.reader import FinalLog, NextEnd


def final_log(run: RunView, file_name: str) -> FinalLog | None:
    """Returns what a run's final event says of a log of it; None while the run goes on."""
    if not is_terminal(run.status):
        return None
    is_error_log = file_name == error_log(run.run_id)
    return FinalLog(run.error_log_bytes if is_error_log else run.output_log_bytes)


class RunEnds:
    """Waits for the ends of runs.

    Args:
        bus: Where the events are.
        tails: Of the events of jobs whose runs are followed.
        runs: Says what an event has changed.
        retry_delay: Seconds between two questions to a history that does not answer.
    """

    def __init__(self, bus: Bus, tails: Tails, runs: Runs, retry_delay: float) -> None:
        self._bus = bus
        self._tails = tails
        self._runs = runs
        self._retry_delay = retry_delay
        self._outage = bus.connection.outage_of("the end of followed runs")

    def of(self, run: RunView, file_name: str) -> NextEnd:
        """Returns what waits for the end of a log of a run."""

        async def next_end(known: FinalLog | None) -> FinalLog:
            return await self._outage.retry(
                lambda: self._next_end(run, file_name, known),
                errors=(WebJobsError,),
                delay=self._retry_delay,
            )

        return next_end

    async def _next_end(self, run: RunView, file_name: str, known: FinalLog | None) -> FinalLog:
        """One try, which fails when NATS or history does."""
        subjects = self._bus.subjects
        pattern = subjects.job_event(JobType.TRIGGERED, run.job_name, "*")
        async with self._tails.follow(subjects.events_stream, pattern) as follower:
            while True:
                current = await self._runs.newest_view(run.job_name, run.run_id) or await self._runs.find(
                    run.job_name, run.run_id
                )
                self._outage.ended()
                if current is None:
                    return FinalLog(None, is_gone=True)
                end = final_log(current, file_name)
                if end is not None and known is None:
                    return end
                while not any(_may_concern(run, message) for message in await follower.next()):
                    if follower.has_ended:
                        raise BusUnavailable("following events", "their reader has ended")


RUN_ENDS = web.AppKey("run_ends", RunEnds)


def _may_concern(run: RunView, message: StreamMessage) -> bool:
    """Whether a run may have ended or be gone after an event of its job; history says whether it has."""
    return run.run_id.encode() in message.data or message.subject.endswith(f".{Deleted.__name__}")
