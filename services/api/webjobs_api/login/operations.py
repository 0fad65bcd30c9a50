"""The login of people and its end, described."""

from collections.abc import Mapping

from webjobs_api.http.operation import TEXT, Answer, Body, Operation, Parameter, nothing, text

_HTML = "text/html"
_NEXT = "Path to show after the login, without the prefix of a proxy; one that leads elsewhere is ignored."
_TO_PAGE = nothing("To the page.", Location="Of the page.", Set_Cookie="The session.")
_AGAIN: Mapping[int, Answer] = {
    status: Answer(description=description, content={_HTML: {"type": "string"}, TEXT: {"type": "string"}})
    for status, description in {
        401: "The form again: name or password is wrong.",
        429: "The form again: too many wrong passwords came from this address.",
    }.items()
}

OPERATIONS: Mapping[str, Operation] = {
    "GET /login": Operation(
        tag="Sessions",
        summary="Show the login form",
        query=(Parameter(name="next", schema={"type": "string"}, description=_NEXT),),
        answers={200: text("The form.", _HTML), 303: nothing("No login is needed: to the first page.")},
    ),
    "POST /login": Operation(
        tag="Sessions",
        summary="Begin a session",
        body=Body(
            description="The form.",
            content={
                "application/x-www-form-urlencoded": {
                    "type": "object",
                    "properties": {
                        "username": {"type": "string"},
                        "password": {"type": "string"},
                        "next": {"type": "string"},
                    },
                    "required": ["username", "password"],
                    "additionalProperties": False,
                }
            },
        ),
        answers={303: _TO_PAGE, **_AGAIN},
        viewers=True,
        errors=(403,),
        needs_room=False,
    ),
    "POST /logout": Operation(
        tag="Sessions",
        summary="End the session of this browser",
        answers={
            303: nothing("To the login form.", Location="Of the form.", Set_Cookie="Removes the session.")
        },
        errors=(403,),
        viewers=True,
        needs_room=False,
    ),
}
