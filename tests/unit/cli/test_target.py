"""Which server a command speaks to, and how it signs in there."""

import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from webjobs_cli.contexts import Context, Contexts, contexts_path, read_contexts, write_contexts
from webjobs_cli.errors import CommandError
from webjobs_cli.target import DEFAULT_URL, find_target, running_stack

LOGIN = {"WEBJOBS_USERNAME": "ann", "WEBJOBS_PASSWORD": "secret"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A configuration with two contexts, of which `prod` is used, and no .netrc."""
    given = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "NETRC": str(tmp_path / "netrc")}
    contexts = {
        "prod": Context("https://prod.example.com", "pat", "env:PROD_PASSWORD"),
        "test": Context("http://test:8080"),
    }
    write_contexts(contexts_path(given), Contexts("prod", contexts))
    return given | {"PROD_PASSWORD": "of prod"}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A folder with the data folder of a `webjobs up` that runs."""
    data = tmp_path / "project" / ".webjobs"
    data.mkdir(parents=True)
    (data / "stack.url").write_text("http://127.0.0.1:8123\n")
    with (data / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield data.parent


@pytest.mark.parametrize(
    ("flag", "context", "extra", "expected"),
    [
        ("http://a:1/", None, LOGIN | {"WEBJOBS_URL": "http://b"}, ("http://a:1", None, None, "--url")),
        ("http://b", None, LOGIN | {"WEBJOBS_URL": "http://B/"}, ("http://b", "ann", "secret", "--url")),
        ("http://a:1", None, LOGIN, ("http://a:1", "ann", "secret", "--url")),
        (None, "test", {"WEBJOBS_URL": "http://b"}, ("http://test:8080", None, None, "context test")),
        (None, None, {"WEBJOBS_URL": "http://b"}, ("http://b", None, None, "WEBJOBS_URL")),
        (None, None, LOGIN, ("https://prod.example.com", "pat", "of prod", "context prod")),
    ],
)  # fmt: skip
def test_a_flag_comes_before_the_environment_and_that_before_the_context(
    environment: dict[str, str],
    running: Path,
    flag: str,
    context: str,
    extra: dict[str, str],
    expected: object,
) -> None:
    assert find_target(flag, context, environment | extra, running) == expected


def test_without_any_of_them_it_is_the_stack_that_runs_here_or_above(
    environment: dict[str, str], running: Path
) -> None:
    write_contexts(contexts_path(environment), Contexts())
    below = running / "a" / "b"
    below.mkdir(parents=True)
    for folder in (running, below, running / ".webjobs"):
        found = find_target(None, None, environment, folder)
        assert found.url == "http://127.0.0.1:8123"
        assert str(running / ".webjobs") in found.source
    assert running_stack(running.parent) is None
    (running / ".webjobs").rename(running / "data")
    assert running_stack(running) == ("http://127.0.0.1:8123", running / "data")
    assert find_target(None, None, environment, running.parent).url == DEFAULT_URL


def test_a_stack_that_was_killed_counts_as_none(running: Path, tmp_path: Path) -> None:
    dead = tmp_path / "dead" / ".webjobs"
    dead.mkdir(parents=True)
    (dead / "stack.url").write_text("http://127.0.0.1:8123\n")
    (dead / "stack.lock").write_text("1\n")
    assert running_stack(dead.parent) is None


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("env:SECRET", "of the variable"),
        ("stored:a:b", "a:b"),
        (f"command:{sys.executable} -c 'print(1)'", "1"),
    ],
)
def test_a_password_comes_from_where_the_context_says(tmp_path: Path, kept: str, expected: str) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "SECRET": "of the variable"}
    write_contexts(contexts_path(environment), Contexts("a", {"a": Context("http://a:1", "ann", kept)}))
    assert find_target(None, None, environment, tmp_path).password == expected


@pytest.mark.parametrize("kept", ["env:MISSING", "command:/no/such/program", "command:'", "plain"])
def test_a_password_that_cannot_be_had_is_an_error_that_names_the_context(tmp_path: Path, kept: str) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    write_contexts(contexts_path(environment), Contexts("a", {"a": Context("http://a:1", "ann", kept)}))
    with pytest.raises(CommandError, match="context a") as raised:
        find_target(None, None, environment, tmp_path)
    assert raised.value.code == "no_password"


def test_the_login_of_a_host_may_be_in_netrc(environment: dict[str, str], tmp_path: Path) -> None:
    Path(environment["NETRC"]).write_text(
        "machine test login tim password hidden\nmachine other login o password p\n"
    )
    Path(environment["NETRC"]).chmod(0o600)
    assert find_target(None, "test", environment, tmp_path)[1:3] == ("tim", "hidden")
    assert find_target("http://other:9", None, environment, tmp_path)[1:3] == ("o", "p")
    assert find_target("http://third", None, environment, tmp_path)[1:3] == (None, None)


@pytest.mark.parametrize(
    "url",
    ["localhost:8080", "ftp://a", "http://", "http://a b", "http://a:x", "http://a?b=1", "http://u:p@a"],
)
def test_an_unusable_address_is_refused(environment: dict[str, str], tmp_path: Path, url: str) -> None:
    with pytest.raises(CommandError) as raised:
        find_target(url, None, environment, tmp_path)
    assert (raised.value.code, raised.value.exit_code) == ("invalid_url", 2)


def test_the_file_of_contexts_is_of_its_owner_alone(environment: dict[str, str]) -> None:
    path = contexts_path(environment)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(CommandError, match="chmod 600"):
        read_contexts(path)


def test_a_damaged_file_of_contexts_is_an_error_that_names_it(environment: dict[str, str]) -> None:
    path = contexts_path(environment)
    for content in (b"{", b"[]", b'{"contexts": 1}', b"\xff"):
        path.write_bytes(content)
        with pytest.raises(CommandError, match=path.name):
            read_contexts(path)
