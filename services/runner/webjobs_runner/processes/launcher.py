"""Starts scripts and sees them out: the process that is the parent of everything a script starts.

It is small, so that starting a process costs the same however large the runner grows, and it adopts every
process whose parent dies, so that none is lost. A run ends when its main process ends; what is left of it
then gets a moment to end by itself and is killed. When the runner goes, everything goes; a run with a limit
goes when the runner has not moved it in time, for one that stands still cannot end anything.

It is single-threaded and reaps by itself: a child's number cannot be reused before `reap` has let it go,
so a signal to a child, or to the group or session a child is in, never meets a stranger. What the kernel
says when it reaps is what a run has used: `domain/resource_usage.py` says what that counts.
"""

import array
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from resource import RLIMIT_NOFILE, getrlimit, setrlimit, struct_rusage

from webjobs_runner.processes import launch_messages as messages
from webjobs_runner.processes.process_tree import (
    adopt_orphans,
    claim_instance,
    command_name,
    first_tag,
    own_children,
    tag_of,
    wear_tag,
)

# A child of a script that reads from it (`exec > >(tee log)`) needs a moment to write the last of it.
LEFTOVER_GRACE_SECONDS = 0.5
_SWEEP_AGAIN_SECONDS = 1.0
_NAMED_LEFTOVERS = 32
_CLAIM_PATIENCE_SECONDS = 1.0
_KIB = 1024  # the unit of ru_maxrss


class Run:
    """One script: its main process, and what becomes of it."""

    __slots__ = (
        "code", "cpu_seconds", "grace_ends", "killed", "leftovers", "limit", "peak_memory_bytes", "pid",
        "run", "tag",
    )  # fmt: skip

    def __init__(self, run: int, pid: int, tag: int) -> None:
        self.run = run
        self.pid = pid
        self.tag = tag
        self.killed = False
        self.code = 0
        self.cpu_seconds = 0.0
        self.peak_memory_bytes = 0
        self.grace_ends = 0.0
        self.limit = 0.0
        self.leftovers: list[str] = []

    def used(self, usage: struct_rusage) -> None:
        """Count what an ended process and the descendants that it waited for have used."""
        self.cpu_seconds += usage.ru_utime + usage.ru_stime
        self.peak_memory_bytes = max(self.peak_memory_bytes, usage.ru_maxrss * _KIB)


class ScriptLauncher:
    """Serves one runner over one socket until that is closed."""

    def __init__(self, channel: socket.socket, instance_id: str) -> None:
        self._channel = channel
        self._tag = first_tag(instance_id)
        self._runs: dict[int, Run] = {}
        self._mains: dict[int, Run] = {}  # by pid: the main processes that are not reaped yet
        self._tags: dict[int, Run] = {}
        self._ending: list[Run] = []
        self._limited: set[Run] = set()
        self._beyond_reach: set[int] = set()  # children that became another user's
        self._null = os.open(os.devnull, os.O_RDWR)
        self._group = os.getpgrp()
        self._woken, self._wake = socket.socketpair()

    def serve(self) -> None:
        """Do what the runner asks until it is gone, then end everything."""
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _just_wake)
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        control = self._channel.fileno()
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._timeout())]
            if len(ready) != 1 or ready[0] != control:
                self._see_out()
            if control in ready and not self._answer():
                break
            if self._limited:
                self._kill_overdue()
        self._end_everything()

    def _timeout(self) -> float | None:
        """Milliseconds until something is due; None, as nearly always, when nothing is."""
        waits = []
        if self._ending:
            wait = min(run.grace_ends for run in self._ending) - time.monotonic()
            waits.append(wait if wait > 0 else _SWEEP_AGAIN_SECONDS)
        if self._limited:
            waits.append(max(0.0, min(run.limit for run in self._limited) - time.monotonic()))
        return 1000 * min(waits) if waits else None

    def _answer(self) -> bool:
        """Do one request; False when the runner is gone."""
        try:
            data, ancillary, _, _ = self._channel.recvmsg(
                messages.LARGEST_PACKET + messages.HEADER.size, 64, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionError:
            return False
        if not data:
            return False
        kind, number, value, body = messages.parse_packet(data)
        if kind in (messages.SPAWN, messages.SPAWN_FROM_FILE):
            self._start(number, value, body, _descriptors(ancillary))
        elif run := self._runs.get(number):
            if kind == messages.LIMIT:
                run.limit = float(body)
                self._limited.add(run)
                return True
            self._signal(run, signal.SIGKILL if kind == messages.KILL else value)
        return True

    def _start(self, number: int, argc: int, body: bytes, descriptors: list[int]) -> None:
        if len(descriptors) < 2:
            self._send(messages.NOT_STARTED, number, errno.EMFILE, "the launcher has too many open files")
            return
        if len(descriptors) > 2:
            with open(os.dup(descriptors[2]), "rb") as file:
                file.seek(0)
                body = file.read()
        cwd, argv, env = messages.spawn_body(body, argc)
        self._tag -= 1
        wear_tag(self._tag)
        try:
            child = subprocess.Popen(  # closes every other descriptor, and uses vfork as nothing is to do
                argv,
                stdin=self._null,
                stdout=descriptors[0],
                stderr=descriptors[1],
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as fault:
            code = (fault.errno or 0) if isinstance(fault, OSError) else 0
            self._send(messages.NOT_STARTED, number, code, _reason(fault))
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        child.returncode = 0  # the object may go: this process reaps its children by itself
        run = Run(number, child.pid, self._tag)
        self._runs[number] = self._mains[run.pid] = self._tags[run.tag] = run
        self._send(messages.STARTED, number, run.pid)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for run in [run for run in self._limited if now >= run.limit]:
            self._limited.discard(run)
            self._signal(run, signal.SIGKILL)

    def _signal(self, run: Run, number: int) -> None:
        if number == signal.SIGKILL:
            run.killed = True
            run.grace_ends = 0.0
        if run.pid in self._mains:
            with suppress(OSError):
                os.killpg(run.pid, number)
                if number != signal.SIGKILL:  # which needs no help
                    os.killpg(run.pid, signal.SIGCONT)
        else:
            self._settle()

    def _see_out(self) -> None:
        """Reap ended processes, and finish the runs of which none is left."""
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        self._reap()
        if self._ending:
            self._settle()

    def _reap(self, flags: int = os.WNOHANG) -> None:
        """Reap all ended children; a process that is still named here is one that was not reaped."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | flags)
            except ChildProcessError:
                return
            if ended is None:
                return
            flags = os.WNOHANG
            pid = ended.si_pid
            killed = ended.si_code != os.CLD_EXITED
            run = self._mains.pop(pid, None)
            if run is not None:
                run.code = -ended.si_status if killed else ended.si_status
                run.grace_ends = 0.0 if run.killed else time.monotonic() + LEFTOVER_GRACE_SECONDS
                self._ending.append(run)
            else:
                run = self._tags.get(tag_of(pid))  # of an adopted child
                if killed and ended.si_status == signal.SIGKILL:
                    self._name_leftover(run, pid)
            self._beyond_reach.discard(pid)
            usage = os.wait4(pid, 0)[2]
            if run is not None:
                run.used(usage)

    def _name_leftover(self, run: Run | None, pid: int) -> None:
        if run and (run.killed or run.pid not in self._mains) and len(run.leftovers) < _NAMED_LEFTOVERS:
            run.leftovers.append(f"{command_name(pid)} ({pid})")

    def _settle(self) -> None:
        orphans = self._orphans()
        # One without a known tag (a nested webjobs, a login that reset its limits) goes with the last run.
        unknown = orphans.pop(0, []) if not self._mains else []
        now = time.monotonic()
        for run in tuple(self._ending):
            left = orphans.get(run.tag, []) + unknown
            if now >= run.grace_ends:
                left = [pid for pid in left if self._destroy(pid, run)]
            if not left:
                self._finish(run)

    def _orphans(self) -> dict[int, list[int]]:
        """Find the adopted children, by the tag of the run they are of; 0 for no run known."""
        orphans: dict[int, list[int]] = {}
        for pid in own_children():
            if pid not in self._mains and pid not in self._beyond_reach:
                tag = tag_of(pid)
                orphans.setdefault(tag if tag in self._tags else 0, []).append(pid)
        return orphans

    def _destroy(self, pid: int, run: Run | None = None) -> bool:
        """Kill an own child and its whole group; False if it is another user's and cannot be killed."""
        with suppress(OSError):
            group = os.getpgid(pid)
            if group != self._group:
                os.killpg(group, signal.SIGKILL)
        try:
            os.kill(pid, signal.SIGKILL)
        except PermissionError:
            self._beyond_reach.add(pid)
            if run:
                run.leftovers.append(f"{command_name(pid)} ({pid}, another user's: still alive)")
            return False
        return True

    def _finish(self, run: Run) -> None:
        self._ending.remove(run)
        self._limited.discard(run)
        del self._runs[run.run], self._tags[run.tag]
        self._send_packet(
            messages.exited_packet(run.run, run.code, run.cpu_seconds, run.peak_memory_bytes, run.leftovers)
        )

    def _send(self, kind: int, run: int, number: int, text: str = "") -> None:
        self._send_packet(messages.packet(kind, run, number, text))

    def _send_packet(self, packet: bytes) -> None:
        with suppress(OSError):  # the runner is gone: the next read says so
            self._channel.send(packet)

    def _end_everything(self) -> None:
        for run in self._runs.values():
            run.killed = True
        while children := [pid for pid in own_children() if pid not in self._beyond_reach]:
            if any([self._destroy(pid) for pid in children]):
                self._reap(flags=0)
        for run in tuple(self._runs.values()):
            if run not in self._ending:  # its main process is another user's and was let go
                self._ending.append(run)
            self._finish(run)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return list(descriptors)


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return f"{fault.strerror}: {os.fsdecode(fault.filename)}" if fault.filename else fault.strerror
    return str(fault)


def _just_wake(*_: object) -> None:
    """Let the wake-up descriptor say it."""


def _use_default_signals() -> None:
    """Undo what was inherited, for scripts start with it; and outlive the signals meant for the runner."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals():
        if signal.getsignal(number) == signal.SIG_IGN and number not in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # those two are Popen's to restore
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _just_wake)  # a handler and not SIG_IGN, which scripts would inherit


def main() -> None:
    """Run as `launcher <socket> <instance id> <open files>`, started by the runner."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    _use_default_signals()
    setrlimit(RLIMIT_NOFILE, (int(sys.argv[3]), getrlimit(RLIMIT_NOFILE)[1]))
    give_up_at = time.monotonic() + _CLAIM_PATIENCE_SECONDS
    while (claim := claim_instance(sys.argv[2], "launcher")) is None:
        if time.monotonic() > give_up_at:
            sys.exit(f"webjobs: another launcher of the instance {sys.argv[2]} is alive on this machine")
        time.sleep(0.02)
    adopt_orphans()
    with claim:
        ScriptLauncher(channel, sys.argv[2]).serve()


if __name__ == "__main__":
    main()
