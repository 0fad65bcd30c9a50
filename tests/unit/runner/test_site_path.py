import pytest
from webjobs_rules.job import JobType
from webjobs_runner.domain.site_path import BadPath, is_kept, is_reserved, job_of, parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("/", ()),
        ("site", ("site",)),
        ("/site//wwwroot/./a b/", ("site", "wwwroot", "a b")),
        ("a..b/...", ("a..b", "...")),
        ("é/😀", ("é", "😀")),
        ("x" * 255, ("x" * 255,)),
    ],
)
def test_a_path_is_its_names(text: str, path: tuple[str, ...]) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("..", "climbs"),
        ("a/../b", "climbs"),
        ("a\\b", "back-slash"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("\ud800", "UTF-8"),
        ("x" * 256, "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("d/" * 1025, "2048 bytes"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(text: str, because: str) -> None:
    with pytest.raises(BadPath, match=because) as caught:
        parse_path(text)
    str(caught.value).encode()


@pytest.mark.parametrize(
    "path",
    [
        "data/.runner",
        "DATA/.runner/327e1e/outbox.jsonl",
        "data/.deployed/triggered/x",
        "nats",
        "Postgres/cluster",
        "stack.id",
        "stack.lock",
        ".git",
        "site/wwwroot/app_data/jobs/triggered/.WebJobs-Staging/x",
    ],
)
def test_what_is_of_webjobs_is_reserved(path: str) -> None:
    assert is_reserved(path.split("/"))


@pytest.mark.parametrize(
    "path", ["site/.git", "data/jobs/.x", "LogFiles/nats", "site/data/.x", "stack", "site/wwwroot/stack.id"]
)
def test_other_names_are_not(path: str) -> None:
    assert not is_reserved(path.split("/"))
    assert not is_reserved(())


def test_the_folders_webjobs_works_in_are_kept() -> None:
    for path in ("site", "site/wwwroot/APP_DATA/jobs/continuous", "Data/jobs", "logfiles"):
        assert is_kept(path.split("/"))
    assert is_kept(())
    for path in ("site/wwwroot/x", "site/wwwroot/app_data/jobs/triggered/x", "data/jobs/triggered/x"):
        assert not is_kept(path.split("/"))


@pytest.mark.parametrize(
    ("path", "job"),
    [
        ("site/wwwroot/App_Data/jobs/triggered/x", (JobType.TRIGGERED, "x")),
        ("site/wwwroot/app_data/jobs/continuous/x/lib/y", (JobType.CONTINUOUS, "x")),
        ("Site/WWWRoot/APP_DATA/Jobs/Continuous/X", (JobType.CONTINUOUS, "X")),
        ("site/wwwroot/app_data/jobs/triggered", None),
        ("site/wwwroot/app_data/jobs/others/x", None),
        ("site/wwwroot/other/jobs/triggered/x", None),
        ("data/jobs/triggered/x/y/z", None),
    ],
)
def test_the_job_of_a_path_is_the_one_whose_folder_holds_it(
    path: str, job: tuple[JobType, str] | None
) -> None:
    assert job_of(path.split("/")) == job
