import pytest
from unit.api.views import NOW, definition, run
from webjobs_api.http.arm import ArmList, entry, enveloped, location, resource_id
from webjobs_api.http.dialects import KUDU

SITE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/mine"
URLS = KUDU.urls("http://host")


@pytest.mark.parametrize(
    ("address", "name", "type_"),
    [
        (f"{SITE}/triggeredwebjobs/hello", "mine/hello", "Microsoft.Web/sites/triggeredwebjobs"),
        (
            f"{SITE}/triggeredwebjobs/hello/history/1",
            "mine/hello/1",
            "Microsoft.Web/sites/triggeredwebjobs/history",
        ),
        ("/api/triggeredwebjobs/hello", "hello", "Microsoft.Web/triggeredwebjobs"),
        ("/jobs/triggered", "triggered", "Microsoft.Web/jobs"),
        ("/providers", "", "Microsoft.Web/providers"),
        ("", "", "Microsoft.Web/"),
    ],
)
def test_the_id_tells_name_and_type(address: str, name: str, type_: str) -> None:
    wrapped = entry(address, "West Europe", {})
    assert (wrapped.id, wrapped.name, wrapped.type) == (address, name, type_)


@pytest.mark.parametrize(
    ("referer", "expected"),
    [
        (f"https://management.azure.com{SITE}/triggeredwebjobs/", f"{SITE}/triggeredwebjobs"),
        ("https://example.com/", "/api/triggeredwebjobs/a%20b"),
        ("", "/api/triggeredwebjobs/a%20b"),
        ("http://[", "/api/triggeredwebjobs/a%20b"),
        ("/providers/\udcff", "/providers/?"),
    ],
)
def test_the_id_is_what_arm_refers_to(referer: str, expected: str) -> None:
    assert resource_id(referer, "/api/triggeredwebjobs/a b/") == expected


def test_lists_and_histories_become_lists_of_resources() -> None:
    job = KUDU.responses.triggered_job_json(definition("a b"), None, URLS, NOW)
    runs = KUDU.responses.runs_json([run()], URLS, NOW)
    jobs = enveloped([job], "/api/triggeredwebjobs", "here")
    assert jobs == ArmList([entry("/api/triggeredwebjobs/a%20b", "here", job)])
    history = enveloped(runs, "/api/triggeredwebjobs/jobName/history", "here")
    assert isinstance(history, ArmList)
    (only,) = history.value
    assert (only.id, only.location) == (
        "/api/triggeredwebjobs/jobName/history/201311080256000000",
        "here",
    )
    assert only.properties.job_name == "jobName"


def test_a_header_that_is_no_text_is_shown_as_such() -> None:
    assert location("West Europe") == "West Europe"
    assert location("\udcff") == "?"
