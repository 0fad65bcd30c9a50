"""What an ETag stands for: an answer without the clock that runs in it; pure."""

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace
from webjobs_rules.status import Status, is_terminal

from webjobs_api.http.kudu_responses import KuduRun, KuduRuns, KuduTriggeredJob
from webjobs_api.http.legacy_responses import RunJson, RunsJson, TriggeredJobJson
from webjobs_api.http.measured_run import AllRuns

_encoder = msgspec.json.Encoder(order="deterministic")


def entity_tag(answer: Any, beside: Any = None) -> str:
    """The text of a weak ETag: equal for answers that differ at most in how long a run goes on by now.

    Args:
        answer: As it is shown.
        beside: What the tag depends on too, though this answer does not show it.
    """
    return blake2b(_encoder.encode([without_clock(answer), beside]), digest_size=12).hexdigest()


def without_clock(answer: Any) -> Any:
    """The answer without the durations of runs that go on; itself when there are none."""
    if isinstance(answer, list):
        return [without_clock(each) for each in answer]
    if isinstance(answer, RunsJson | KuduRuns | AllRuns):
        return replace(answer, runs=without_clock(answer.runs))
    if isinstance(answer, TriggeredJobJson | KuduTriggeredJob):
        run = answer.latest_run
        if run is not None and not is_terminal(Status(run.status)):
            return replace(answer, latest_run=replace(run, duration=""))
    elif isinstance(answer, RunJson | KuduRun) and not is_terminal(Status(answer.status)):
        return replace(answer, duration="")
    return answer
