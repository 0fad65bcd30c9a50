"""What runners refused in the folders of jobs, as they publish it until it is mended."""

import structlog
from webjobs_events.errors import InvalidJobName, InvalidToken, UndecodableMessage
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.job import JobName, JobType
from webjobs_events.refusal import Refusal, decode_refusal
from webjobs_events.subjects import token_of

from webjobs_api.runners import Runners

log = structlog.stdlib.get_logger(__name__)


class Refusals:
    """An async context manager: the refusals of living runners, current while it is entered."""

    def __init__(self, bus: Bus, runners: Runners) -> None:
        self._runners = runners
        self._known: dict[str, Refusal] = {}
        self._mirror = bus.leases.mirror(self._changed, keys="refusal.>")

    async def __aenter__(self) -> "Refusals":
        await self._mirror.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._mirror.__aexit__(*exc_info)

    def all(self) -> list[Refusal]:
        """Every refusal, by type and name of the folder."""
        living = [each for each in self._known.values() if self._runners.is_alive(each.instance)]
        return sorted(living, key=lambda each: (each.job_type, each.folder_name, each.instance))

    def reason(self, job_type: JobType, job_name: JobName) -> str | None:
        """Why a job's folder, or the settings in it, were refused; None when they were not."""
        if not self._known:
            return None
        try:
            suffix = f".{job_type}.{token_of(job_name)}"
        except (InvalidJobName, InvalidToken):
            return None
        found = (refusal for key, refusal in self._known.items() if key.endswith(suffix))
        return next((each.reason for each in found if self._runners.is_alive(each.instance)), None)

    def _changed(self, key: str, entry: Entry | None) -> None:
        self._known.pop(key, None)
        if entry is None:
            return
        try:
            self._known[key] = decode_refusal(key, entry.value)
        except UndecodableMessage as error:
            log.error("refusal ignored: it cannot be read", key=key, error=str(error))
