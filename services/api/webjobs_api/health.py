"""What the api needs to be ready: NATS, a living runner, and a history that answers."""

from collections.abc import Mapping

from webjobs_events.errors import WebJobsError
from webjobs_events.jetstream import Bus
from webjobs_service.health import Check

from webjobs_api.history import History
from webjobs_api.runners import Runners


def checks(bus: Bus, runners: Runners, history: History) -> Mapping[str, Check]:
    """The checks behind `/healthz`."""

    async def nats() -> str | None:
        return None if bus.is_connected else "the connection is down"

    async def runner() -> str | None:
        return None if runners.any_alive else "no runner is alive"

    async def history_answers() -> str | None:
        try:
            await history.latest_runs([])
        except WebJobsError as error:
            return str(error)
        return None

    return {"nats": nats, "runner": runner, "history": history_answers}
