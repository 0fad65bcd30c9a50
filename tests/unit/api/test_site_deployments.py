"""Where packages of Azure's clients go, and how the list of deployments changes."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from webjobs_api.http.request_errors import InvalidFlag
from webjobs_api.site_deployments.errors import DeploymentExists, DeploymentInProgress, InvalidDeployment
from webjobs_api.site_deployments.record import (
    MOST_KEPT,
    Deployment,
    LogEntry,
    Status,
    active_id,
    bounded_log,
    ended,
    latest,
    settled,
    with_new,
)
from webjobs_api.site_deployments.request import (
    publish_request,
    recorded_deployment,
    refuse_package_uri,
    site_path_of,
    zip_deploy_request,
)

NOW = datetime(2013, 11, 8, 2, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("", "site/wwwroot"),
        ("/", "site/wwwroot"),
        ("App_Data/jobs/triggered/a", "site/wwwroot/App_Data/jobs/triggered/a"),
        ("/App_Data/jobs/triggered/a/", "site/wwwroot/App_Data/jobs/triggered/a"),
        ("App_Data\\jobs\\triggered\\a", "site/wwwroot/App_Data/jobs/triggered/a"),
        ("site/wwwroot/a.txt", "site/wwwroot/a.txt"),
        ("/site/WWWROOT/a.txt", "site/wwwroot/a.txt"),
        ("site/wwwrootx/a.txt", "site/wwwroot/site/wwwrootx/a.txt"),
        ("/home/site/wwwroot", "site/wwwroot"),
        ("/home/site/wwwroot/a.txt", "site/wwwroot/a.txt"),
        ("%HOME%\\site\\wwwroot\\a.txt", "site/wwwroot/a.txt"),
        ("$HOME/site/a.txt", "site/a.txt"),
        ("home/LogFiles/a.txt", "LogFiles/a.txt"),
        ("D:\\home\\site\\wwwroot\\a.txt", "site/wwwroot/a.txt"),
        ("homes/a.txt", "site/wwwroot/homes/a.txt"),
        ("../a.txt", "site/wwwroot/../a.txt"),  # refused by the runner
    ],
)
def test_a_target_path_is_below_wwwroot_unless_it_names_the_home_folder(written: str, path: str) -> None:
    assert site_path_of(written) == path


def test_options_of_a_deployment_are_read() -> None:
    for query in ({"isAsync": "true"}, {"isAsync": "True"}, {"async": "1"}):
        assert zip_deploy_request(query).is_async
    plain = zip_deploy_request({})
    assert (plain.path, plain.unpack, plain.clean, plain.is_async) == ("site/wwwroot", True, False, False)
    asked = publish_request({"type": "ZIP", "clean": "True", "path": "x", "restart": "1", "deployer": "me"})
    assert (asked.path, asked.unpack, asked.clean, asked.deployer) == ("site/wwwroot/x", True, True, "me")
    file = publish_request({"type": "static", "path": "a/b.txt", "clean": "true"})
    assert (file.path, file.unpack, file.clean) == ("site/wwwroot/a/b.txt", False, False)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"type": ""},
        *({"type": name, "path": "x"} for name in ("war", "jar", "ear", "lib", "startup", "script", "tar")),
        {"type": "static"},
        {"type": "static", "path": "folder/"},
    ],
)
def test_what_cannot_be_published_is_refused_with_what_can(query: dict[str, str]) -> None:
    with pytest.raises(InvalidDeployment, match=r"type=static"):
        publish_request(query)


@pytest.mark.parametrize("name", ["isAsync", "async", "clean"])
def test_a_flag_that_is_neither_yes_nor_no_is_refused(name: str) -> None:
    with pytest.raises(InvalidFlag):
        zip_deploy_request({name: "maybe"})
    with pytest.raises(InvalidFlag):
        publish_request({"type": "zip", "restart": "maybe"})


def test_a_package_by_url_is_refused() -> None:
    refuse_package_uri("application/zip")
    refuse_package_uri("application/octet-stream")
    for content_type in ("application/json", "application/problem+json"):
        with pytest.raises(InvalidDeployment, match="packageUri"):
            refuse_package_uri(content_type)


def deployment(number: int, status: Status = Status.SUCCESS) -> Deployment:
    at = NOW + timedelta(minutes=number)
    begun = Deployment(
        id=f"d{number}",
        status=Status.DEPLOYING,
        deployer="ZipDeploy",
        message="",
        received_at=at,
        renewed_at=at,
    )
    return begun if status is Status.DEPLOYING else ended(begun, status, "", at + timedelta(seconds=5))


def test_one_deployment_at_a_time() -> None:
    pending = deployment(1, Status.DEPLOYING)
    with pytest.raises(DeploymentInProgress, match="d1"):
        with_new([pending], deployment(2, Status.DEPLOYING))
    with pytest.raises(DeploymentExists):
        with_new([deployment(1)], deployment(1, Status.DEPLOYING))
    assert [each.id for each in with_new([pending], deployment(2))] == ["d2", "d1"]  # made elsewhere


def test_the_list_is_bounded_and_newest_first() -> None:
    known: list[Deployment] = []
    for number in range(MOST_KEPT + 5):
        known = with_new(known, deployment(number))
    assert [each.id for each in known] == [f"d{number}" for number in reversed(range(5, MOST_KEPT + 5))]


def test_a_deployment_whose_api_is_gone_has_failed() -> None:
    pending = deployment(1, Status.DEPLOYING)
    soon, late = pending.renewed_at + timedelta(seconds=29), pending.renewed_at + timedelta(seconds=31)
    assert settled([pending], soon) == [pending]
    (lost,) = settled([pending], late)
    assert (lost.status, lost.is_complete, lost.ended_at) == (Status.FAILED, True, pending.renewed_at)
    assert "Deploy again" in lost.status_text
    assert settled([replace(pending, renewed_at=late)], late) == [replace(pending, renewed_at=late)]


def test_the_latest_is_the_one_in_progress_or_the_one_that_ended_last() -> None:
    assert latest([]) is None
    assert active_id([]) is None
    failed, good = deployment(3, Status.FAILED), deployment(2)
    assert latest([failed, good]) == failed
    assert active_id([failed, good]) == "d2"
    pending = deployment(1, Status.DEPLOYING)
    assert latest([failed, good, pending]) == pending


def test_a_long_log_says_what_is_left_out() -> None:
    entries = [LogEntry(at=NOW, message=f"{number} {'x' * 3000}") for number in range(1000)]
    kept = bounded_log(entries)
    assert len(kept) == 301
    assert kept[-1].message.startswith("999 ")
    assert "left out" in kept[-2].message
    assert max(len(each.message) for each in kept) == 2000
    assert len(bounded_log(entries[:300])) == 300


def test_a_deployment_made_elsewhere_can_be_recorded() -> None:
    body = b'{"id":"x","status":4,"message":"m","deployer":"GitHub","author":"ann","active":true}'
    recorded = recorded_deployment("abc1", body, NOW)
    assert (recorded.status, recorded.author, recorded.ended_at) == (Status.SUCCESS, "ann", NOW)
    for deployment_id, refused in (
        ("abc1", b""),
        ("abc1", b"[]"),
        ("abc1", b"{}"),
        ("abc1", b'{"clean": true}'),
        ("abc1", b'{"status":2,"message":"m","deployer":"d","author":"a"}'),
        ("abc1", b'{"status":4,"message":"","deployer":"d","author":"a"}'),
        ("latest", body),
        ("a/b", body),
        ("x" * 101, body),
    ):
        with pytest.raises(InvalidDeployment):
            recorded_deployment(deployment_id, refused, NOW)
