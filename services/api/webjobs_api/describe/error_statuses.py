"""What each status of an error means, for the document."""

from collections.abc import Mapping

EVERYWHERE = (400,)
"""Statuses that every route may answer."""

GUARDED = (401, 403, 429, 503)
"""Statuses that every route but the open ones may answer."""

OF_BODIES = (408, 413, 415)
"""Statuses that every route with a body may answer, unless it leads the body on to a job."""

STATUS_DESCRIPTIONS: Mapping[int, str] = {
    400: "Something in the request is invalid: an unknown query parameter, a name, an argument, the body.",
    401: "Credentials are set on this server, and the request has none or wrong ones.",
    403: "A page of an origin that is not allowed requests a change, or an unknown page does with a session, "
    "a viewer asks for a change or a secret, or the host is not this machine's.",
    404: "There is no such thing, or no longer.",
    405: "The address exists, but not with this method.",
    408: "The body stopped arriving.",
    409: "It cannot be done now: something is in progress, stopped or not empty.",
    410: "It was there, and is not kept any more.",
    412: "A condition in the headers does not hold.",
    413: "The body is larger than the limit.",
    415: "The body is of a type, or compressed in a way, that cannot be read here.",
    416: "The range is not within the file.",
    422: "The body is valid JSON but not a valid request.",
    429: "Too many wrong passwords came from this address; try again later.",
    502: "The job answered something that is not HTTP.",
    503: "A part of webjobs is away: NATS, every runner, or history with its database.",
    504: "The job did not answer in time.",
    507: "A disk is full: no runner has more free space than its reserve, or JetStream has none.",
}
