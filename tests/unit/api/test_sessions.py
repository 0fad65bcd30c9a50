"""Sessions: who can make one, when it ends, and where a login leads."""

import pytest
from webjobs_api.http.sessions import (
    LIFETIME_SECONDS,
    SessionSigner,
    cookie_name,
    cookie_path,
    next_path,
)

NOW = 1_800_000_000.5


@pytest.fixture(scope="module")
def signer() -> SessionSigner:
    return SessionSigner("webjobs", "ann", "secret")


def test_a_session_is_valid_for_seven_days(signer: SessionSigner) -> None:
    value = signer.sign(NOW)
    for later, is_valid in (
        (0, True),
        (LIFETIME_SECONDS - 1, True),
        (LIFETIME_SECONDS, False),
        (10**9, False),
    ):
        assert signer.is_valid(value, NOW + later) is is_valid, later
    assert LIFETIME_SECONDS == 604_800


def test_a_session_shows_neither_name_nor_password(signer: SessionSigner) -> None:
    value = signer.sign(NOW)
    assert "ann" not in value and "secret" not in value
    assert all(each.isalnum() or each in "._-" for each in value), "needs no quotes in a cookie"


@pytest.mark.parametrize(
    "other",
    [
        ("webjobs", "ann", "changed"),
        ("webjobs", "bob", "secret"),
        ("other", "ann", "secret"),
        ("webjobs", "ann", ""),
    ],
)
def test_a_session_ends_when_the_password_changes(signer: SessionSigner, other: tuple[str, str, str]) -> None:
    assert not SessionSigner(*other).is_valid(signer.sign(NOW), NOW)
    assert SessionSigner("webjobs", "ann", "secret").is_valid(signer.sign(NOW), NOW), "any replica knows it"


def test_a_changed_value_is_no_session(signer: SessionSigner) -> None:
    value = signer.sign(NOW)
    version, expires, signature = value.split(".")
    for place in range(len(value)):
        other = "A" if value[place] != "A" else "B"
        assert not signer.is_valid(value[:place] + other + value[place + 1 :], NOW), place
    for forged in (
        "",
        ".",
        "..",
        f"{version}.{int(expires) + 1}.{signature}",
        f"{version}.{expires}.",
        f"{version}.{expires}",
        f"{value} ",
        f" {value}",
        f"{value}\n",
        f"{value}=",
        f"{version}.0{expires}.{signature}",
        f"{version}.{'٣' * 10}.{signature}",
        f"{version}.{'9' * 5000}.{signature}",
        f"0{value}",
        f"{version}.{expires}.{'é' * 43}",
        "\udcff",
    ):
        assert not signer.is_valid(forged, NOW), forged


def test_sites_on_one_host_have_cookies_of_different_names() -> None:
    sites = [
        ("webjobs", "localhost:8080", ""),
        ("webjobs", "localhost:8081", ""),
        ("webjobs", "localhost:8080", "/a"),
        ("webjobs", "localhost:8080", "/a/b"),
        ("other", "localhost:8080", ""),
        ("webjobs", "localhost", ""),
    ]
    names = [cookie_name(*site) for site in sites]
    assert len(set(names)) == len(sites)
    assert all(name.startswith("webjobs_session_") and name.isidentifier() for name in names)
    assert cookie_name("webjobs", "LocalHost:8080", "") == names[0]


@pytest.mark.parametrize(
    ("prefix", "path"),
    [("", "/"), ("/jobs", "/jobs"), ("/a/b", "/a/b"), ("/a;b", "/"), ("/a/b;c/d", "/a")],
)
def test_the_path_of_a_cookie_is_the_prefix(prefix: str, path: str) -> None:
    assert cookie_path(prefix) == path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pages/triggered/hello",
        "/pages/triggered/a%20b?line=812-820&x=%2F%2Fevil.example",
        "/vfs/data/jobs/triggered/x/1/output_log.txt",
        "/?next=//evil.example",
        "/loginx",
    ],
)
def test_a_login_leads_to_the_path_asked_for(path: str) -> None:
    assert next_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "pages",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/x\\..\\y",
        "https://evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/x\r\nSet-Cookie: a=b",
        " /x",
        "/x y",
        "/é",
        "/\x00",
        "/\x7f",
        "/" + "x" * 4000,
        "/login",
        "/login/",
        "/LOGIN?next=/",
        "/login#x",
        "/logout",
    ],
)
def test_a_login_leads_nowhere_else(path: str) -> None:
    assert next_path(path) == "/"
