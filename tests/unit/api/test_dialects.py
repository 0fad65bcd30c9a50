import pytest
from webjobs_api.http.dialects import KUDU, KUDU_OLDER, KUDU_OLDEST, LEGACY, Dialect, dialect_of
from webjobs_rules.job import JobType


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/api/jobs", LEGACY),
        ("/api/jobs/", LEGACY),
        ("/api/jobs/triggered/triggeredwebjobs", LEGACY),
        ("/api/webjobs", KUDU),
        ("/api/triggeredwebjobs", KUDU),
        ("/api/continuouswebjobs/hello/start", KUDU),
        ("/api/triggeredjobs/hello", KUDU_OLDER),
        ("/api/continuousjobs", KUDU_OLDER),
        ("/jobs", KUDU_OLDEST),
        ("/jobs/triggered/hello/history/1", KUDU_OLDEST),
        ("/", LEGACY),
        ("/api/triggeredwebjobsswagger", LEGACY),
        ("/api/vfs/data", LEGACY),
    ],
)
def test_the_prefix_tells_the_dialect(path: str, dialect: Dialect) -> None:
    assert dialect_of(path) is dialect


def test_urls_stay_in_their_dialect() -> None:
    urls = KUDU_OLDER.urls("http://host")
    assert urls.job(JobType.CONTINUOUS, "a b") == "http://host/api/continuousjobs/a%20b"
    assert urls.run("{id}", "1") == "http://host/api/triggeredjobs/%7Bid%7D/history/1"
    assert urls.output("a", "1") == "http://host/vfs/data/jobs/triggered/a/1/output_log.txt"
    assert KUDU_OLDEST.urls("").history("a") == "/jobs/triggered/a/history"
    assert LEGACY.urls("").output("a", "1") == "/vfs/data/jobs/triggered/a/1/output_1.log"
