"""Errors of the client: a closed list; each answer of the api becomes the right one."""

import inspect
import json

import pytest
import webjobs_client
from webjobs_api.http import job_errors, log_errors, request_errors, run_errors, runner_errors, upload_errors
from webjobs_client import (
    ERRORS,
    AlreadyRunning,
    ChangedMeanwhile,
    ClientError,
    Conflict,
    Forbidden,
    Gone,
    InvalidAnswer,
    InvalidRequest,
    JobNotFound,
    NoSpace,
    NotFound,
    RunNotFound,
    ServerFailed,
    Unauthorized,
    Unavailable,
)
from webjobs_client.errors import error_of
from webjobs_client.exchange import Answer
from webjobs_rules.job import JobType


def plain(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> ClientError:
    return error_of(Answer(status, (("content-type", content_type),), text.encode()))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (job_errors.JobNotFound(JobType.TRIGGERED, "a. B' c"), JobNotFound),
        (job_errors.JobNotFound(JobType.CONTINUOUS, "w", "No script."), JobNotFound),
        (run_errors.RunNotFound("it's", "77"), RunNotFound),
        (log_errors.LogNotFound("x.log"), NotFound),
        (run_errors.RunAlreadyInProgress("j"), AlreadyRunning),
        (run_errors.RunAlreadyInProgress("j", 3), AlreadyRunning),
        (job_errors.JobsAreStopped(), Conflict),
        (job_errors.JobNotEnabled("j"), Conflict),
        (job_errors.VersionGone("aa"), Gone),
        (run_errors.IdempotencyKeyReused("j", "k", "1"), InvalidRequest),
        (runner_errors.NoSpaceLeft("full"), NoSpace),
        (runner_errors.NoRunnerAlive(), Unavailable),
        (upload_errors.UploadTooLarge(5), InvalidRequest),
        (request_errors.UnknownParameter("query parameter", "x", ["y"]), InvalidRequest),
    ],
)
def test_each_error_of_the_api_is_one_of_the_client(error: Exception, kind: type[ClientError]) -> None:
    status = error.http_status  # type: ignore[attr-defined]
    problem = json.dumps({"type": "about:blank", "title": "T", "status": status, "detail": str(error)})
    for found in (plain(status, str(error)), plain(status, problem, "application/problem+json")):
        assert type(found) is kind
        assert found.status == status
        assert str(found).startswith(str(error).rstrip())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, InvalidAnswer),
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (412, ChangedMeanwhile),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (429, Unavailable),
        (500, ServerFailed),
        (502, Unavailable),
        (503, Unavailable),
        (599, ServerFailed),
    ],
)
def test_each_status_has_its_error_whatever_the_body(status: int, kind: type[ClientError]) -> None:
    bodies = [
        ("", "text/plain"),
        ("<html>no</html>", "text/html"),
        ("{", "application/json"),
        ("[1]", "application/json"),
    ]
    for text, content_type in bodies:
        found = plain(status, text, content_type)
        assert type(found) is kind and found.message and found.remedy
        assert "<html>" not in str(found)


def test_the_sentences_that_say_what_to_do_are_the_remedy() -> None:
    found = plain(409, "The job 'a. B' is already running. Wait until its run has ended.")
    assert (found.message, found.remedy) == (
        "The job 'a. B' is already running.",
        "Wait until its run has ended.",
    )


def test_the_list_is_closed_and_the_codes_differ() -> None:
    of_package = {
        found
        for _, found in inspect.getmembers(webjobs_client.errors, inspect.isclass)
        if issubclass(found, ClientError) and found is not ClientError
    }
    assert set(ERRORS) == of_package
    assert len({kind.code for kind in ERRORS}) == len(ERRORS)
    assert {kind.__name__ for kind in ERRORS} <= set(webjobs_client.__all__)
    assert issubclass(webjobs_client.TimedOut, TimeoutError)
