"""The handler that lists what was refused, and the rows of the overview that show it."""

from collections.abc import Iterable

import msgspec
from aiohttp import web
from webjobs_events.instant import Instant
from webjobs_events.refusal import Refusal, RefusalSource

from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.http import request_context

PATH = "/api/refusals"


class RefusalJson(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal that is not fixed yet.

    Attributes:
        job: The job's name, or the name of a folder that no job can have.
        type: Triggered or continuous.
        when: Since when.
        from_: `api`, or `folder` on a runner's disk.
        what: `files` or `settings`; of a folder both may be meant.
        reason: A sentence that says what to fix.
        instance: The runner that refused it.
    """

    job: str
    type: str
    when: Instant
    from_: str = msgspec.field(name="from")
    what: str
    reason: str
    instance: str


async def list_refusals(request: web.Request) -> web.Response:
    """`GET /api/refusals`: refusals that are not fixed yet, by type and name."""
    refusals = request.app[REFUSALS]
    await refusals.caught_up()
    return request_context.json(list(refusal_rows(refusals.all())))


def refusal_rows(refusals: Iterable[Refusal]) -> Iterable[RefusalJson]:
    """Refusals as they are shown."""
    for each in refusals:
        yield RefusalJson(
            job=each.folder_name,
            type=each.job_type.value,
            when=each.at,
            from_="folder" if each.source is RefusalSource.FOLDER else "api",
            what="settings" if each.source is RefusalSource.SETTINGS else "files",
            reason=each.reason,
            instance=each.instance,
        )
