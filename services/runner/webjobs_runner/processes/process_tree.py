"""Which process belongs to which run: a tag that every descendant inherits.

The tag is a value of RLIMIT_RTTIME, the limit on real-time-class CPU. At some 36,000 years it limits
nothing, but a child inherits it through fork and exec, keeps it over `setsid`, double forks and a cleared
environment, and cannot raise it again without privilege. This module imports the standard library only:
the launcher has to start fast.
"""

import os
import resource
import socket
from collections.abc import Iterator
from typing import Literal

_PR_SET_CHILD_SUBREAPER = 36
_COUNTER_BITS = 36
_STAT_BYTES = 4096  # more than the 52 numbers and the name can have
_MARK = 1 << 24  # above the 24 bits of the instance: no limit set for its own sake has this value


def first_tag(instance_id: str) -> int:
    """Answer the highest tag of an instance's runs; each run takes the next one below.

    Below the inherited limit, where there is one: webjobs runs inside a job of another webjobs.
    """
    highest = (_tag_space(instance_id) << _COUNTER_BITS) | ((1 << _COUNTER_BITS) - 1)
    inherited = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
    return highest if inherited == resource.RLIM_INFINITY else min(highest, inherited - 1)


def wear_tag(tag: int) -> None:
    """Lower this process's own limit, so that the next child starts with the tag."""
    resource.setrlimit(resource.RLIMIT_RTTIME, (tag, tag))


def tag_of(pid: int) -> int:
    """Answer the tag of a process, zombies included; -1 when it has none or is gone."""
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[1]
    except PermissionError:
        return _tag_in_limits(pid)  # it changed its user; the file can still be read
    except OSError:
        return -1


def _tag_in_limits(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/limits", "rb") as limits:
            line = next(line for line in limits if line.startswith(b"Max realtime timeout"))
    except (OSError, StopIteration):
        return -1
    hard = line.split()[-2]
    return int(hard) if hard.isdigit() else -1


def adopt_orphans(wanted: bool = True) -> None:
    """Take in every descendant whose parent dies, instead of leaving it to the system's init."""
    import ctypes  # here, because it is slow to import and needed once

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process cannot adopt orphans (PR_SET_CHILD_SUBREAPER)")


def own_children() -> list[int]:
    """List the direct children of this single-threaded process, zombies included.

    The kernel's list is exact as long as only the caller reaps children meanwhile.
    """
    pid = os.getpid()
    try:
        with open(f"/proc/self/task/{pid}/children", "rb", buffering=0) as children:
            return [int(child) for child in children.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return [child for child in all_pids() if parent_and_state(child)[0] == pid]


def command_name(pid: int) -> str:
    """Answer the short name of a process, zombies included."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as name:
            return name.read().decode("utf-8", "replace").strip()
    except OSError:
        return "?"


def processes_of_run(pid: int) -> list[int]:
    """List the processes of the run whose main process is `pid`; none if that was not started by a launcher.

    The launcher is left out: it bears the tag of the run it started last.
    """
    tag = tag_of(pid)
    if tag <= 0:
        return []
    launcher = parent_and_state(pid)[0]
    return [other for other in all_pids() if other != launcher and tag_of(other) == tag]


def claim_instance(instance_id: str, role: Literal["runner", "launcher"] = "runner") -> socket.socket | None:
    """Take the name that only one process of this machine can have; None when another has it.

    The name is an abstract socket address: it goes with the process, however that ends.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0webjobs-{role}/{instance_id}")
    except OSError:
        claim.close()
        return None
    return claim


def bears_tag_of(instance_id: str, pid: int) -> bool:
    """Returns whether a process belongs to a run of this instance."""
    return tag_of(pid) >> _COUNTER_BITS == _tag_space(instance_id)


def _tag_space(instance_id: str) -> int:
    return _MARK | (int(instance_id, 16) & (_MARK - 1))


def all_pids() -> Iterator[int]:
    """List the numbers of all processes there are."""
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def parent_and_state(pid: int) -> tuple[int, str]:
    """Answer the parent's number and the state's letter; of a process that is gone, 0 and Z."""
    fields = stat_fields(pid)
    return (int(fields[1]), fields[0].decode()) if fields else (0, "Z")


def stat_fields(pid: int) -> list[bytes]:
    """The fields of `/proc/PID/stat` from the state on; none of a process that is gone.

    A file object takes 5 µs more than the 7 µs of this.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            return os.read(descriptor, _STAT_BYTES).rpartition(b")")[2].split()
        finally:
            os.close(descriptor)
    except OSError:
        return []
