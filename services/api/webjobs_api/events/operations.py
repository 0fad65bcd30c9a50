"""The events of jobs as they happen, described."""

from collections.abc import Mapping

from webjobs_api.backends.event_filter import KINDS, NAMES
from webjobs_api.http.operation import EVENT_STREAM, Answer, Operation, Parameter
from webjobs_api.http.parameters import SEQUENCE, any_of

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/events": Operation(
        tag="Live",
        summary="Follow what happens",
        description="Server-sent events in the order of the stream, without gaps. `id` is the sequence in "
        "the stream, `event` the event's name, `data` the event as CloudEvents JSON.",
        query=(
            any_of("type", {"type": "string", "enum": KINDS}, "Only events of these types."),
            any_of("job", {"type": "string", "minLength": 1}, "Only events of these jobs."),
            any_of("event", {"type": "string", "enum": NAMES}, "Only events of these names."),
            Parameter(name="after", schema=SEQUENCE, description="Begin after this sequence of the stream."),
            Parameter(
                name="from",
                schema={"type": "string", "enum": ["now", "first"]},
                description="Begin now, or with the first event there ever was.",
            ),
        ),
        headers=(
            Parameter(
                name="Last-Event-ID", schema=SEQUENCE, description="Go on after this sequence of the stream."
            ),
        ),
        answers={
            200: Answer(
                description="Events, without an end.",
                content={EVENT_STREAM: {"type": "string"}},
                headers={"Webjobs-Sequence": "Sequence after which the answer begins."},
            )
        },
        errors=(400,),
        problems=True,
    ),
}
