"""How a client reaches the api: what trusted proxies say counts, what anybody else says does not."""

from collections.abc import Mapping

import pytest
from webjobs_api.http.public_address import Peer, is_trusted, parse_proxies, public_address

PROXIES = parse_proxies("127.0.0.0/8, ::1, 10.0.0.0/8")
LOCAL = Peer("127.0.0.1", "http", "localhost:8080")


def address(
    headers: Mapping[str, str | list[str]], peer: Peer = LOCAL, forwarded: list[dict[str, str]] | None = None
) -> tuple[str, str]:
    """Client and base URL, for headers named without `X-Forwarded-`."""
    listed = {
        f"X-Forwarded-{name}": value if isinstance(value, list) else [value]
        for name, value in headers.items()
    }
    found = public_address(peer, listed, forwarded or [], PROXIES)
    return found.client, found.base


def test_a_request_without_such_headers_is_what_its_connection_says() -> None:
    assert address({}) == ("127.0.0.1", "http://localhost:8080")
    assert address({}, Peer("192.0.2.1", "https", "a")) == ("192.0.2.1", "https://a")
    assert address({}, Peer("", "http", "a")) == ("", "http://a")


@pytest.mark.parametrize("peer", ["192.0.2.1", "128.0.0.1", "2001:db8::1", "11.0.0.1", "", "unix:"])
def test_nobody_else_is_believed(peer: str) -> None:
    headers = {"For": "198.51.100.7", "Proto": "https", "Host": "evil.example", "Prefix": "/evil"}
    forwarded = [{"for": "198.51.100.7", "proto": "https", "host": "evil.example"}]
    for given in (headers, {}):
        assert address(given, Peer(peer, "http", "a:1"), forwarded) == (peer, "http://a:1")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "10.1.2.3"])
def test_a_trusted_proxy_is_believed(peer: str) -> None:
    headers = {"For": "198.51.100.7", "Proto": "https", "Host": "jobs.example", "Prefix": "/jobs/"}
    assert address(headers, Peer(peer, "http", "a:1")) == ("198.51.100.7", "https://jobs.example/jobs")


@pytest.mark.parametrize(
    ("header", "value", "base"),
    [
        ("Proto", "HTTPS", "https://localhost:8080"),
        ("Proto", "wss", "https://localhost:8080"),
        ("Proto", "http", "http://localhost:8080"),
        ("Host", "jobs.example:8443", "http://jobs.example:8443"),
        ("Host", "[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("Host", '"jobs.example"', "http://jobs.example"),
        ("Prefix", "/", "http://localhost:8080"),
        ("Prefix", "/a/b%20c/~d", "http://localhost:8080/a/b%20c/~d"),
        ("Prefix", "", "http://localhost:8080"),
    ],
)
def test_one_header_is_enough(header: str, value: str, base: str) -> None:
    assert address({header: value}) == ("127.0.0.1", base)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(("Proto", value) for value in ("javascript", "", "https://", "https\x00", "ftp", "h ttps", "é")),
        *(
            ("Host", value)
            for value in (
                "evil.example/x",
                "a b",
                'x"><script>',
                "user@evil.example",
                "a:b",
                "a:123456",
                "[::1",
                "é.example",
                "a" * 300,
                "a\\b",
                "a?b",
                "a#b",
                ":80",
                "\udcff",
            )
        ),
        *(
            ("Prefix", value)
            for value in (
                "jobs",
                "//evil.example",
                "/a//b",
                "/../x",
                "/a/..",
                "/./a",
                "/a?b",
                "/a#b",
                "/a b",
                '/"><script>',
                "/a\\b",
                "/%zz",
                "/é",
                "https://evil.example",
                "/" + "a" * 1000,
                "/a\r\nX: y",
            )
        ),
    ],
)
def test_a_malformed_value_counts_as_none(header: str, value: str) -> None:
    assert address({header: value}) == ("127.0.0.1", "http://localhost:8080")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:5123", "198.51.100.7"),
        ("[2001:db8::7]:5123", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, 10.0.0.9", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7, 10.0.0.9, 10.0.0.8", "198.51.100.7"),
        ("10.0.0.1, 10.0.0.9", "10.0.0.1"),
        ("198.51.100.7, unknown", "127.0.0.1"),
        ("198.51.100.7, unknown, 10.0.0.9", "10.0.0.9"),
        ("", "127.0.0.1"),
        ("198.51.100.7, ", "127.0.0.1"),
        ("1" * 5000, "127.0.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_trusted_proxy(chain: str, client: str) -> None:
    assert address({"For": chain})[0] == client
    assert address({"For": chain.split(",")})[0] == client, "several headers are one list"


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        # One proxy: what is left of its own value came from the client.
        ({"Proto": "javascript, https", "Host": "evil.example, jobs.example"}, "https://jobs.example"),
        ({"Prefix": "/evil, /jobs"}, "http://localhost:8080/jobs"),
        # Two of them, by the addresses that they noted: the outer one faces the client.
        (
            {"For": "198.51.100.7, 10.0.0.9", "Proto": "https, http", "Host": "jobs.example, inner:80"},
            "https://jobs.example",
        ),
        (
            {"For": "198.51.100.7, 10.0.0.9", "Proto": "ftp, https, http", "Prefix": "/x, /a, /b"},
            "https://localhost:8080/a/b",
        ),
        # Only one of the two writes this one.
        ({"For": "198.51.100.7, 10.0.0.9", "Proto": "https"}, "https://localhost:8080"),
        # The second one is not trusted.
        ({"For": "198.51.100.7, 192.0.2.9", "Proto": "https, http"}, "http://localhost:8080"),
    ],
)
def test_each_trusted_proxy_has_one_value_from_the_right(headers: dict[str, str], base: str) -> None:
    assert address(headers)[1] == base


def test_the_standard_header_counts_when_there_is_no_other() -> None:
    forwarded = [
        {"for": "1.1.1.1", "host": "evil.example"},
        {"for": '"[2001:db8::7]:80"'.strip('"'), "proto": "https", "host": "jobs.example"},
        {"for": "10.0.0.9", "proto": "http"},
    ]
    assert address({}, forwarded=forwarded) == ("2001:db8::7", "https://jobs.example")
    assert address({"Proto": "http"}, forwarded=forwarded) == ("127.0.0.1", "http://localhost:8080")
    assert address({}, forwarded=[{"for": "_hidden", "proto": "x"}]) == ("127.0.0.1", "http://localhost:8080")
    assert address({}, forwarded=[{}]) == ("127.0.0.1", "http://localhost:8080")


def test_trusted_proxies_are_addresses_and_networks() -> None:
    assert parse_proxies(" None ") == ()
    networks = parse_proxies("192.0.2.1,2001:db8::/32")
    assert is_trusted("192.0.2.1", networks) and is_trusted("2001:db8:1::1%eth0", networks)
    assert not is_trusted("192.0.2.2", networks) and not is_trusted("nonsense", networks)


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.0/33", "10.0.0.0/8,", "*", "10.0.0.0/8 ::1"])
def test_other_lists_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither an address nor a network such as 10\.0\.0\.0/8"):
        parse_proxies(text)
    with pytest.raises(ValueError, match=r"Did you mean 10\.0\.0\.0/8\?"):
        parse_proxies("10.0.0.5/8")
