"""What continuous jobs use on each runner, as the runners report it."""

import time
from collections.abc import Mapping

import structlog
from aiohttp import web
from webjobs_events.errors import MALFORMED
from webjobs_events.jetstream import Bus
from webjobs_events.usage import USAGE_SECONDS, ProcessUsage, decode_usage

log = structlog.stdlib.get_logger(__name__)

_REPORT_SECONDS = 3 * USAGE_SECONDS  # for which a report counts: two may be lost


class Usage:
    """An async context manager: the latest reports, current while it is entered."""

    def __init__(self, bus: Bus) -> None:
        self._reports: dict[str, dict[str, tuple[ProcessUsage, float]]] = {}  # by job, then by instance
        self._hearing = bus.hearing(bus.subjects.usage("*"), self._receive)

    async def __aenter__(self) -> "Usage":
        await self._hearing.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._hearing.__aexit__(None, None, None)

    def of_job(self, job_name: str) -> Mapping[str, ProcessUsage]:
        """What a job's processes use, by instance id; without instances that have not reported of late."""
        not_before = time.monotonic() - _REPORT_SECONDS
        reports = self._reports.get(job_name, {})
        return {instance: usage for instance, (usage, at) in reports.items() if at > not_before}

    def _receive(self, subject: str, data: bytes) -> None:
        try:
            report = decode_usage(data)
        except MALFORMED as error:
            log.warning("unreadable report of usage ignored", subject=subject, error=str(error))
            return
        instance, now = subject.rpartition(".")[2], time.monotonic()
        for each in report.jobs:
            self._reports.setdefault(each.job_name, {})[instance] = each, now
        for name, reports in list(self._reports.items()):
            if all(at < now - _REPORT_SECONDS for _, at in reports.values()):
                del self._reports[name]


USAGE = web.AppKey("usage", Usage)
