"""Addresses that are called when something happens."""

from collections.abc import Mapping

from webjobs_api.backends.published_events import PUBLISHABLE
from webjobs_api.hooks.hook_request import DeliveryJson, HookJson, HookPatchJson
from webjobs_api.hooks.responses import AttemptsView, AttemptView, HookView
from webjobs_api.http.operation import JSON, Body, Operation, Parameter, json_of, nothing

_TAG = "Hooks"

OPERATIONS: Mapping[str, Operation] = {
    "POST /api/hooks": Operation(
        tag=_TAG,
        summary="Make a hook",
        description="An address has one hook. Asking for the same once more answers the hook there is. "
        "The hook is called for events from then on.",
        body=Body(content={JSON: HookJson}, description="Whom to call, for what."),
        answers={201: json_of(HookView, "The hook.")},
        errors=(400, 409, 413),
    ),
    "GET /api/hooks": Operation(
        tag=_TAG, summary="List hooks", answers={200: json_of(list[HookView], "Every hook, oldest first.")}
    ),
    "GET /api/hooks/{hook}": Operation(
        tag=_TAG,
        summary="Read a hook",
        answers={200: json_of(HookView, "The hook with its last call.")},
        errors=(404,),
    ),
    "PATCH /api/hooks/{hook}": Operation(
        tag=_TAG,
        summary="Change a hook",
        description="What is left out stays as it is; its url cannot be changed. What is not delivered "
        "yet is chosen by its new event, type and job, and signed with its new secret.",
        body=Body(content={JSON: HookPatchJson}, description="What is changed."),
        answers={200: json_of(HookView, "The hook.")},
        errors=(400, 404, 409, 413),
    ),
    "POST /api/hooks/{hook}/test": Operation(
        tag=_TAG,
        summary="Call a hook once, as a test",
        description='The body is `{"event": "Test", …}`. The call is in the list of deliveries, and is '
        "not repeated when it fails.",
        answers={200: json_of(AttemptView, "How the call went.")},
        errors=(404,),
        problems=True,
        needs_room=False,
    ),
    "POST /api/hooks/{hook}/deliveries": Operation(
        tag=_TAG,
        summary="Make a delivery once more",
        description="At once and out of its order, with the `webhook-id` that it had. The call is in the "
        "list of deliveries, and is not repeated when it fails.",
        body=Body(content={JSON: DeliveryJson}, description="Which one."),
        answers={200: json_of(AttemptView, "How the call went.")},
        errors=(400, 404, 413),
        problems=True,
        needs_room=False,
    ),
    "DELETE /api/hooks/{hook}": Operation(
        tag=_TAG, summary="Remove a hook", answers={200: nothing("It is not there any more.")}
    ),
    "GET /api/hooks/{hook}/deliveries": Operation(
        tag=_TAG,
        summary="List every try to call a hook",
        query=(
            Parameter(
                name="limit",
                schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                description="At most so many.",
            ),
        ),
        answers={200: json_of(AttemptsView, "The tries that are kept, newest first.")},
        errors=(400, 404),
        problems=True,
    ),
    "POST /api/hooks/publish/{event}": Operation(
        tag=_TAG,
        summary="Publish an event to hooks",
        description=f"The body is sent, as it is, to every hook of the event: {' or '.join(PUBLISHABLE)}.",
        body=Body(content={JSON: {}}, description="Any JSON."),
        answers={200: nothing("It is kept, and will be delivered.")},
        errors=(400, 413),
    ),
}
