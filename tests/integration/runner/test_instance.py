"""Which id a runner takes: its own, that of a runner that has ended, or a new one; never one in use."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from webjobs_runner import instance_claim
from webjobs_runner.errors import InstanceInUse
from webjobs_runner.files.site import Site
from webjobs_runner.instance_claim import LOCK, own_instance

# Starts at a word, says its id, and lives until it is killed.
_CONTAINER = """
import socket, sys
import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
from contextlib import nullcontext
from pathlib import Path
from webjobs_runner import instance_claim
from webjobs_runner.files.site import Site
socket.gethostname = lambda: sys.argv[2]
instance_claim.claim_instance = lambda *_: nullcontext()
sys.stdin.readline()
with instance_claim.own_instance(None, Site(Path(sys.argv[1]))) as own:
    sys.stdout.write(own.id + "\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runners share the folder only, as in containers: each has a network of its own."""
    monkeypatch.setattr(instance_claim, "claim_instance", lambda *_: ExitStack())


@contextmanager
def on_host(name: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A runner without a fixed id, on a host of this name; yields its id."""
    with monkeypatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: name)
        with own_instance(None, site) as own:
            yield own.id


def folders(site: Site) -> set[str]:
    return {folder.name for folder in site.runner_folders()}


@pytest.mark.usefixtures("containers")
def test_a_new_container_takes_over_the_id_that_was_used_last(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_host("one", site, monkeypatch) as first, on_host("two", site, monkeypatch) as second:
        assert first != second
    os.utime(site.runner_state(first) / LOCK, (1, 1))
    with on_host("three", site, monkeypatch) as third, on_host("four", site, monkeypatch) as fourth:
        assert (third, fourth) == (second, first)
        with on_host("five", site, monkeypatch) as fifth:
            assert folders(site) == {first, second, fifth}
    assert len(folders(site)) == 3


@pytest.mark.usefixtures("containers")
def test_a_host_gets_its_own_id_back_before_that_of_another(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_host("one", site, monkeypatch) as first, on_host("two", site, monkeypatch) as second:
        pass
    with on_host("one", site, monkeypatch) as again:
        assert again == first
        with on_host("one", site, monkeypatch) as beside:
            assert beside == second


@pytest.mark.usefixtures("containers")
def test_a_fixed_id_wins_and_is_not_taken_from_its_runner(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_host("one", site, monkeypatch) as dead:
        pass
    with own_instance("a11ce7", site) as fixed:
        assert fixed.id == "a11ce7"
        with on_host("two", site, monkeypatch) as other:
            assert other == dead
            with on_host("three", site, monkeypatch) as third:
                assert third not in ("a11ce7", dead)
        with pytest.raises(InstanceInUse), own_instance("a11ce7", site):
            pass


@pytest.mark.usefixtures("containers")
def test_the_folder_of_an_earlier_release_is_left_alone_unless_it_is_of_this_host(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_host("one", site, monkeypatch) as first:
        pass
    (site.runner_state(first) / LOCK).unlink()
    with on_host("two", site, monkeypatch) as second:
        assert second != first
    with on_host("one", site, monkeypatch) as again:
        assert again == first


@pytest.mark.usefixtures("containers")
def test_without_locks_nothing_is_taken_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_host("one", site, monkeypatch) as first:
        pass

    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with on_host("two", site, monkeypatch) as second, on_host("one", site, monkeypatch) as again:
        assert second != first
        assert again == first


@pytest.mark.usefixtures("containers")
def test_a_folder_that_is_removed_while_it_is_locked_is_made_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_host("one", site, monkeypatch) as first:
        pass
    lock = site.runner_state(first) / LOCK
    flock = instance_claim.fcntl.flock

    def removed_first(descriptor: int, how: int) -> None:
        monkeypatch.setattr("fcntl.flock", flock)
        lock.unlink()
        lock.parent.rmdir()
        flock(descriptor, how)

    monkeypatch.setattr("fcntl.flock", removed_first)
    with on_host("two", site, monkeypatch) as second:
        assert second == first
        with on_host("three", site, monkeypatch) as third:
            assert third != first


def test_containers_that_start_at_once_take_different_ids_and_leave_them_when_killed(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    seen: list[set[str]] = []
    for generation in range(3):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", _CONTAINER, str(site.root), f"host-{generation}-{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(4)
        ]
        try:
            for each in started:
                assert each.stdin is not None
                each.stdin.write("\n")
                each.stdin.flush()
            seen.append({each.stdout.readline().strip() for each in started if each.stdout})
        finally:
            for each in started:
                each.send_signal(signal.SIGKILL)
                each.communicate()
    assert len(seen[0]) == 4
    assert seen[0] == seen[1] == seen[2] == folders(site)
