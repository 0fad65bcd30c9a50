import pytest
from webjobs_api.hooks.errors import HookConflict
from webjobs_api.http.error_responses import headers_of, status_of
from webjobs_api.http.file_errors import FilesRefused
from webjobs_api.http.job_errors import JobNotFound
from webjobs_api.http.runner_errors import CommandFailed
from webjobs_events.commands import ReplyCode
from webjobs_events.errors import BusUnavailable, NoResponders
from webjobs_events.files import Fault
from webjobs_events.jetstream import QueryRefused
from webjobs_rules.errors import InvalidJobName, InvalidRunId, WebJobsError


def test_every_error_of_the_api_has_a_status() -> None:
    own = {error for error in WebJobsError.__subclasses__() if error.__module__.startswith("webjobs_api.")}
    assert {CommandFailed, FilesRefused, HookConflict, JobNotFound} <= own
    assert {error for error in own if not hasattr(error, "http_status")} == {CommandFailed, FilesRefused}


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_with_files_has_a_status(fault: Fault) -> None:
    error = FilesRefused(fault, "What to mend.")
    assert (status_of(error) >= 500) is (
        fault in {Fault.BUSY, Fault.SESSION_GONE, Fault.NO_SPACE, Fault.FAILED}
    )
    assert str(error) == "What to mend."


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ReplyCode.BAD_UPLOAD, 400),
        (ReplyCode.NO_RUNNABLE_SCRIPT, 400),
        (ReplyCode.INVALID_SETTINGS, 400),
        (ReplyCode.INVALID_DEPENDENCIES, 400),
        (ReplyCode.DEPENDENCIES_UNAVAILABLE, 503),
        (ReplyCode.TOO_LARGE, 413),
        (ReplyCode.JOB_NOT_FOUND, 404),
        (ReplyCode.FAILED, 500),
    ],
)
def test_a_runners_refusal_keeps_its_words(code: ReplyCode, status: int) -> None:
    error = CommandFailed(code, "What to mend.")
    assert (status_of(error), str(error)) == (status, "What to mend.")
    assert str(CommandFailed(code, ""))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidJobName("..", "it holds two dots in a row"), 400),
        (InvalidRunId("x"), 404),
        (BusUnavailable("asking", "nobody"), 503),
        (NoResponders("webjobs.files.327e1e.open"), 503),
        (QueryRefused(503, "Postgres is away"), 503),
        (QueryRefused(400, "a bad query of ours"), 500),
        (WebJobsError("something new"), 500),
    ],
)
def test_errors_of_the_contract_have_statuses_too(error: WebJobsError, status: int) -> None:
    assert status_of(error) == status


def test_what_is_away_may_be_asked_again() -> None:
    assert headers_of(503) == {"Retry-After": "2"}
    assert headers_of(401) == headers_of(404) == {}
