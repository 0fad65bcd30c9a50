"""The servers and the login in an address of NATS."""

import pytest
from webjobs_events.jetstream.servers import Servers, parse_servers


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("nats://a:4222", Servers(["nats://a:4222"], None, None, None)),
        ("nats://a, nats://b:1", Servers(["nats://a", "nats://b:1"], None, None, None)),
        ("nats://me:x@a,nats://me:x@b", Servers(["nats://a", "nats://b"], "me", "x", None)),
        ("nats://a,nats://me:x@b", Servers(["nats://a", "nats://b"], "me", "x", None)),
        ("tls://me:@[::1]:4222", Servers(["tls://[::1]:4222"], "me", "", None)),
        ("nats://token@a", Servers(["nats://a"], None, None, "token")),
        ("nats://m%2Fe:p%40%2C%25@a", Servers(["nats://a"], "m/e", "p@,%", None)),
        ("ws://me:x@a/path", Servers(["ws://a/path"], "me", "x", None)),
    ],
)
def test_the_login_is_apart_from_the_servers(url: str, servers: Servers) -> None:
    assert parse_servers(url) == servers
