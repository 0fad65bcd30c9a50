import inspect

from webjobs_rules.errors import WebJobsError
from webjobs_runner.vfs import errors
from webjobs_runner.vfs.file_service import FAULTS


def test_every_error_with_files_is_told_as_a_fault() -> None:
    own = {
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, WebJobsError) and error.__module__ == errors.__name__
    }
    assert own <= set(FAULTS)
