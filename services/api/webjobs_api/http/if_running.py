"""What becomes of a request for a run when the job runs already: `?if_running=`; pure."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from webjobs_api.http.request_errors import InvalidPage

IF_RUNNING = "if_running"
"""The query parameter."""


class IfRunning(StrEnum):
    """What a request wants when the job runs already."""

    FAIL = "fail"
    """What the settings of the job say: by default the request is refused."""
    JOIN = "join"
    """The run there is, instead of a new one."""
    QUEUE = "queue"
    """A new run, which waits for its turn."""


class JoinedRunJson(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that joined a run: job and id of the run. `joined` is always true."""

    job: str
    id: str
    joined: bool = True


def if_running_of(query: Mapping[str, str]) -> IfRunning:
    """Returns what a request wants when the job runs already; `fail` when it does not say.

    Raises:
        InvalidPage: The parameter has another value.
    """
    try:
        return IfRunning(query.get(IF_RUNNING, IfRunning.FAIL))
    except ValueError as error:
        raise InvalidPage(
            IF_RUNNING, f"give {IfRunning.FAIL}, {IfRunning.JOIN} or {IfRunning.QUEUE}"
        ) from error
