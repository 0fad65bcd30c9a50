"""Credentials are handed over once, erased from the environment, and closed to other processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from webjobs_service.credential_handover import (
    DESCRIPTOR,
    BadHandOver,
    hand_over,
    receive_credentials,
)
from webjobs_stack.process import spawn

ERASES = """
import os, sys
from webjobs_service.credential_handover import erase_variables
erase_variables({"SECRET", "SECRET_TOO"})
shown = open("/proc/self/environ", "rb").read()
print([name for name in os.environ if name.startswith("SECRET")], shown.decode())
"""
WAITS = """
import sys, webjobs_service.credential_handover as credentials
credentials.close_to_others()
print("ready", flush=True)
sys.stdin.read()
"""
READS = """
import pathlib, sys
for name in ("environ", "mem", "maps", "fd/0"):
    try:
        (pathlib.Path("/proc") / sys.argv[1] / name).open("rb").read(1)
    except OSError:
        continue
    sys.exit(f"{name} can be read")
"""


def test_what_is_handed_over_is_received_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"WEBJOBS_NATS_URL": "nats://ü:\"$'@host", "EMPTY": ""}
    monkeypatch.setenv(DESCRIPTOR, str(hand_over(given)))
    assert receive_credentials() == given
    assert DESCRIPTOR not in os.environ
    assert receive_credentials() == {}


@pytest.mark.parametrize("number", ["-1", "x", "99999"])
def test_a_descriptor_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv(DESCRIPTOR, number)
    with pytest.raises(BadHandOver, match=f"{DESCRIPTOR}='{number}'"):
        receive_credentials()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b"\xff"])
def test_a_descriptor_with_something_else_is_refused(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    monkeypatch.setenv(DESCRIPTOR, str(reader))
    with pytest.raises(BadHandOver):
        receive_credentials()


def test_erased_variables_are_in_no_view_of_the_environment() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET": "open sesame",
        "SECRETIVE": "kept",
        "SECRET_TOO": "sesame again",
        "KEPT": "x",
    }
    shown = subprocess.run(
        [sys.executable, "-c", ERASES], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "['SECRETIVE']" in shown
    assert "sesame" not in shown
    assert "SECRETIVE=kept" in shown
    assert "KEPT=x" in shown


@pytest.mark.parametrize("is_closed", [True, False])
async def test_a_closed_process_is_closed_to_others_of_its_user(is_closed: bool) -> None:
    """As root nothing is closed to root, so there both processes are those of an ordinary user."""
    user = "daemon" if os.geteuid() == 0 else "-"
    python = Path(sys.executable)
    (reader, writer), (stdin, held) = os.pipe(), os.pipe()
    program = WAITS if is_closed else WAITS.replace("close_to_others()", "__name__")
    waiting = await spawn(
        [python, "-c", program], death_signal=signal.SIGKILL, output=writer, stdin=stdin, user=user
    )
    try:
        assert os.read(reader, 1) == b"r"
        other = await spawn(
            [python, "-c", READS, str(waiting.pid)], death_signal=signal.SIGKILL, output=2, user=user
        )
        assert await other.wait() == (0 if is_closed else 1)
    finally:
        for descriptor in (reader, writer, stdin, held):
            os.close(descriptor)
        await waiting.stop(signal.SIGKILL, 5)
