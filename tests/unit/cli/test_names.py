"""Names of jobs and runs as people write them."""

import pytest
from webjobs_cli.errors import CommandError
from webjobs_cli.names import JobName, RunName, chosen, listed, parse_job, parse_run

RUN = "202611282059572714"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", JobName("hello")),
        ("triggered/hello", JobName("hello", "triggered")),
        ("continuous/hello", JobName("hello", "continuous")),
        ("triggered", JobName("triggered")),
        ("Grüße an alle", JobName("Grüße an alle")),
    ],
)
def test_a_job_is_named_with_or_without_its_type(text: str, expected: JobName) -> None:
    assert parse_job(text) == expected


@pytest.mark.parametrize("text", ["", "/", "a/b", "triggered/", "/hello", "triggered/a/b", f"hello/{RUN}"])
def test_a_text_that_names_no_job_is_refused(text: str) -> None:
    with pytest.raises(CommandError) as raised:
        parse_job(text)
    assert (raised.value.code, raised.value.exit_code) == ("invalid_name", 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", RunName(JobName("hello"), "@last")),
        ("hello/@last", RunName(JobName("hello"), "@last")),
        (f"hello/{RUN}", RunName(JobName("hello"), RUN)),
        ("hello/2026", RunName(JobName("hello"), "2026")),
        (f"triggered/hello/{RUN}", RunName(JobName("hello", "triggered"), RUN)),
        ("continuous/worker", RunName(JobName("worker", "continuous"), "@last")),
        ("triggered/@last", RunName(JobName("triggered"), "@last")),
    ],
)
def test_a_run_is_named_by_its_job_and_its_id_or_as_the_last_one(text: str, expected: RunName) -> None:
    assert parse_run(text) == expected


@pytest.mark.parametrize(
    "text", ["", "/", "hello/", "hello/x", "a/b/c", "/2026", f"x/hello/{RUN}", "hello/@first"]
)
def test_a_text_that_names_no_run_is_refused(text: str) -> None:
    with pytest.raises(CommandError) as raised:
        parse_run(text)
    assert raised.value.code == "invalid_name"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("report", "report"), ("report-", "report-daily"), ("c", "clean"), ("clean", "clean")],
)
def test_the_whole_name_or_a_beginning_that_fits_one_is_chosen(given: str, expected: str) -> None:
    assert chosen(given, ["report", "report-daily", "clean"], "job") == expected


def test_a_beginning_that_fits_several_lists_them_and_one_that_fits_none_says_so() -> None:
    with pytest.raises(CommandError, match="'re' may be remove, report, report-daily"):
        chosen("re", ["report", "report-daily", "remove"], "job")
    with pytest.raises(CommandError, match="There is no job 'x'"):
        chosen("x", ["report"], "job")


def test_of_many_candidates_the_first_are_listed() -> None:
    assert listed([f"j{n}" for n in range(11)]) == "j0, j1, j2, j3, j4, j5, j6, j7 and 3 more"
