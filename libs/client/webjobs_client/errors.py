"""What can go wrong, as a closed list of classes; each error has a code, a message and a remedy; pure."""

import re

import msgspec

from webjobs_client.exchange import Answer

_MOST_TEXT = 2000  # characters of an answer that a message quotes

# The first sentence of a text, in which quoted names may have full stops.
_FIRST_SENTENCE = re.compile(r"""((?:'[^']*'|"[^"]*"|[^'"])+?[.!?])\s+(?=[A-Z0-9])""", re.DOTALL)


class ClientError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: Names the kind of error; the same as long as this package lives.
        message: What is wrong, as a sentence.
        remedy: What to do, as one or more sentences.
        status: HTTP status of the answer; None when there was none.
    """

    code = "error"
    default_remedy = "Read the log of the api."

    def __init__(self, message: str, remedy: str = "", *, status: int | None = None) -> None:
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.status = status
        super().__init__(f"{message} {self.remedy}")


class InvalidRequest(ClientError):
    """The request, the upload or the settings have a fault; nothing was changed."""

    code = "invalid_request"
    default_remedy = "Correct the request and send it again."


class Unauthorized(ClientError):
    """The credentials are missing or wrong."""

    code = "unauthorized"
    default_remedy = "Give the username and the password of the api (WEBJOBS_USERNAME, WEBJOBS_PASSWORD)."


class Forbidden(ClientError):
    """The user, or a client at this address, may not do this."""

    code = "forbidden"
    default_remedy = "Sign in as a user who may do this."


class NotFound(ClientError):
    """What the request names is not there: a hook, a version, a setting, a log, an address."""

    code = "not_found"
    default_remedy = "Check the name."


class JobNotFound(NotFound):
    """There is no job of this type and name."""

    code = "job_not_found"
    default_remedy = "List the jobs there are, and check the type: triggered or continuous."


class RunNotFound(NotFound):
    """The job has no such run, or no longer."""

    code = "run_not_found"
    default_remedy = "List the runs of the job."


class Gone(ClientError):
    """What the request names was removed: the files of an old version."""

    code = "gone"
    default_remedy = "Deploy the files again."


class Conflict(ClientError):
    """The state of the job or the run does not allow this."""

    code = "conflict"
    default_remedy = "Look at the job, then try again."


class AlreadyRunning(Conflict):
    """The job is running, and its settings allow no further run beside it."""

    code = "already_running"
    default_remedy = "Wait until its run has ended."


class ChangedMeanwhile(Conflict):
    """Another client changed it since it was read (`if_match`); nothing was changed."""

    code = "changed_meanwhile"
    default_remedy = "Read it again, and send the change again."


class NoSpace(ClientError):
    """A disk of webjobs is full."""

    code = "no_space"
    default_remedy = "Free some disk space of webjobs."


class Unavailable(ClientError):
    """A part of webjobs is away, or sends too many clients away, for longer than the client tries again."""

    code = "unavailable"
    default_remedy = "Try again in a moment; the overview of the api's health says what is away."


class ServerFailed(ClientError):
    """The api or a runner failed."""

    code = "server_failed"
    default_remedy = "Read the logs of the api and the runner."


class ContactLost(ClientError):
    """The api cannot be reached, or the connection to it broke and could not be made again."""

    code = "contact_lost"
    default_remedy = "Check that webjobs runs there and can be reached from here."


class InvalidAnswer(ClientError):
    """The answer is not one of webjobs: something else listens at the address, or another version."""

    code = "invalid_answer"
    default_remedy = "Check that the address is that of the api of webjobs, with the path prefix of a proxy."


class TimedOut(ClientError, TimeoutError):
    """What was waited for did not happen in the time that the caller gave. The run goes on."""

    code = "timed_out"
    default_remedy = "Wait longer, or cancel the run."


ERRORS: tuple[type[ClientError], ...] = (
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    JobNotFound,
    RunNotFound,
    Gone,
    Conflict,
    AlreadyRunning,
    ChangedMeanwhile,
    NoSpace,
    Unavailable,
    ServerFailed,
    ContactLost,
    InvalidAnswer,
    TimedOut,
)
"""All there are."""

_OF_STATUS: dict[int, type[ClientError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: ChangedMeanwhile,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: NoSpace,
}

# The api names the kind of error in words only; a test compares these with its errors.
_BY_TEXT: tuple[tuple[int, re.Pattern[str], type[ClientError]], ...] = (
    (404, re.compile(r"There is no (?:triggered|continuous) job named "), JobNotFound),
    (404, re.compile(r"The job .{1,200} has no run "), RunNotFound),
    (409, re.compile(r"The job .{1,200} is already running"), AlreadyRunning),
)


class _Problem(msgspec.Struct):
    """What is read of a problem document (RFC 9457)."""

    detail: str = ""


def error_of(answer: Answer) -> ClientError:
    """Returns the error of an answer that is none of success, from a problem document or plain text."""
    status, text = answer.status, _text_of(answer)
    kind = _OF_STATUS.get(status)
    if kind is None:
        kind = InvalidAnswer if status < 400 else InvalidRequest if status < 500 else ServerFailed
    for of_status, pattern, special in _BY_TEXT:
        if status == of_status and pattern.match(text):
            kind = special
    message, remedy = _sentences(text)
    return kind(message or f"The api answered {status}.", remedy, status=status)


def contact_lost(url: str, reason: str) -> ContactLost:
    """Returns the error for an api that cannot be reached."""
    return ContactLost(f"There is no contact with webjobs at {url}: {reason}.")


def _text_of(answer: Answer) -> str:
    content_type = (answer.header("content-type") or "").partition(";")[0].strip()
    text = answer.body.decode("utf-8", "replace").strip()
    if content_type.endswith("json"):
        try:
            return msgspec.json.decode(answer.body, type=_Problem).detail or text[:_MOST_TEXT]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return text[:_MOST_TEXT]
    if content_type == "text/html":  # a page of a proxy, or of another program
        return ""
    return text[:_MOST_TEXT]


def _sentences(text: str) -> tuple[str, str]:
    """Returns the first sentence, and those after it, which say what to do."""
    match = _FIRST_SENTENCE.match(text)
    return (match[1], text[match.end() :]) if match else (text, "")
