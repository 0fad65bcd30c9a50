"""Kills processes that an instance's runs left when their runner was gone."""

import os
import select
import signal
import time
from collections.abc import Callable

from webjobs_runner.errors import InstanceInUse
from webjobs_runner.processes.process_tree import (
    all_pids,
    bears_tag_of,
    claim_instance,
    command_name,
    parent_and_state,
)

_PATIENCE_SECONDS = 10.0


def kill_leftovers(instance_id: str) -> tuple[str, ...]:
    """Kill what runs of this instance left alive, when its runner and its launcher died together.

    To be called before the first launcher is started. Answers the killed, as `name (pid)`.

    Raises:
        InstanceInUse: another live launcher has this instance id, and what it runs is not ours to kill.
    """
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while (claim := claim_instance(instance_id, "launcher")) is None:  # one without runner is about to end
        if time.monotonic() > give_up_at:
            raise InstanceInUse(instance_id)
        time.sleep(0.02)
    with claim:
        return kill_tagged(instance_id)


def kill_tagged(instance_id: str) -> tuple[str, ...]:
    """Kill every process that bears a tag of this instance, and those they start meanwhile.

    Returns when none is left, or after ten seconds for what cannot be killed. Reaps those that are
    children of this process. Answers the killed, as `name (pid)`.
    """
    killed: dict[str, None] = {}
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    refused: set[int] = set()

    def is_left(pid: int) -> bool:
        return bears_tag_of(instance_id, pid) and pid != os.getpid() and pid not in refused

    while time.monotonic() < give_up_at:
        left = [pid for pid in all_pids() if is_left(pid) and not _is_dead(pid)]
        if not left:
            break
        killed.update(dict.fromkeys(f"{command_name(pid)} ({pid})" for pid in left))
        dying = [pidfd for pid in left if (pidfd := _kill_one(pid, is_left, refused)) is not None]
        _await_and_reap(dying, give_up_at)
    return tuple(killed)


def _is_dead(pid: int) -> bool:
    """Returns whether only the exit code of a process is left; if it is a child of ours, reap it."""
    parent, state = parent_and_state(pid)
    if state == "Z" and parent == os.getpid():
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
    return state == "Z"


def _kill_one(pid: int, is_left: Callable[[int], bool], refused: set[int]) -> int | None:
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        if is_left(pid):  # looked at again now that the number cannot come to mean another process
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except PermissionError:
        refused.add(pid)
    except ProcessLookupError:
        pass
    return pidfd


def _await_and_reap(pidfds: list[int], give_up_at: float) -> None:
    for pidfd in pidfds:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(max(0.0, give_up_at - time.monotonic()) * 1000)
        try:
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            pass  # another's child
        os.close(pidfd)
