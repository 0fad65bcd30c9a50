import pytest
from webjobs_api.http.access_errors import ForeignOrigin
from webjobs_api.http.auth import origin_of, refuse_foreign_page
from webjobs_api.http.logins import basic_credentials
from webjobs_api.http.loopback import is_host, is_loopback, without_port


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost.", "a.localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "::ffff:127.0.0.1"],
)
def test_names_of_this_machine(host: str) -> None:
    # Python before 3.13 does not see loopback in a mapped address; the api is then stricter, never laxer.
    assert is_loopback(host) or host.startswith("::ffff")


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "localhost.example", "127.0.0.1.example", "example", "10.0.0.1", "1"]
)
def test_names_of_other_machines(host: str) -> None:
    assert not is_loopback(host)


def test_the_port_of_a_host_header_is_left_out() -> None:
    assert [without_port(host) for host in ("a:80", "a", "[::1]:80", "[::1]", "a:")] == [
        "a",
        "a",
        "[::1]",
        "[::1]",
        "a",
    ]


def test_credentials_are_read_from_a_basic_header_only() -> None:
    assert basic_credentials("Basic YW5uOmI=") == b"ann:b"
    assert basic_credentials("basic  YW5uOmI=") == b"ann:b"
    for header in ("", "Basic", "Bearer YW5uOmI=", "Basic YW5uOmI", "Basic é", "Basic !!!"):
        assert not basic_credentials(header), header


def test_an_origin_is_written_as_browsers_do() -> None:
    assert origin_of("http", "Host:8080") == "http://host:8080"
    assert origin_of("http", "host:80") == "http://host"
    assert origin_of("https", "host:443") == "https://host"
    assert origin_of("https", "host:80") == "https://host:80"
    assert origin_of("http", "[::1]:80") == "http://[::1]"


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        (None, None),
        ("http://host:8080", None),
        ("http://HOST:8080", None),
        ("http://host:8080", "same-origin"),
        ("http://behind.a.proxy", "same-origin"),  # the browser vouches for it
        (None, "none"),
    ],
)
def test_requests_of_programs_and_of_our_own_pages_pass(origin: str | None, fetch_site: str | None) -> None:
    refuse_foreign_page("http://host:8080", origin, fetch_site)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        ("http://host:8081", None),
        ("https://host:8080", None),
        ("http://evil.example", None),
        ("null", None),
        ("", None),
        (None, "cross-site"),
        ("http://host:8080", "same-site"),
        (None, "nonsense"),
    ],
)
def test_requests_of_foreign_pages_are_refused(origin: str | None, fetch_site: str | None) -> None:
    with pytest.raises(ForeignOrigin):
        refuse_foreign_page("http://host:8080", origin, fetch_site)


@pytest.mark.parametrize(
    "host", ["", "localhost:8080", "[::1]:8080", "a-b.example", "127.0.0.1", "[fe80::1%25eth0]"]
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", ["\udcff", "a b", 'x"><', "a/b", "user@host", "ä.example", "a\n"])
def test_a_host_is_nothing_else(host: str) -> None:
    assert not is_host(host)


def test_an_origin_that_is_no_address_is_foreign() -> None:
    with pytest.raises(ForeignOrigin):
        refuse_foreign_page("http://localhost", "http://[", None)
