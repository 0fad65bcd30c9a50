"""CPU time that the processes of webjobs use, by service."""

import contextlib

import psutil
from figures import Figure
from live_stack import LiveStack

SCRIPTS = "scripts"
"""What the scripts used themselves, bash included: no cost of webjobs."""


class CpuMeter:
    """Counts from its construction on."""

    def __init__(self, stack: LiveStack) -> None:
        self._launcher = stack.launcher()
        self._services = {
            "api": stack.process("webjobs_api"),
            "runner": stack.process("webjobs_runner"),
            "launcher": self._launcher,
            "history": stack.process("webjobs_history"),
            "nats-server": stack.nats_server(),
            "postgres": stack.postgres(),
        }
        self._before = self._used()

    def milliseconds(self, runs: int) -> dict[str, float]:
        """Milliseconds a run of each service, and of the scripts."""
        used = self._used()
        return {name: 1000 * (used[name] - self._before[name]) / runs for name in used}

    def _used(self) -> dict[str, float]:
        used = {name: _seconds(process) for name, process in self._services.items()}
        used["postgres"] += sum(map(_seconds, self._services["postgres"].children(recursive=True)))
        ended = self._launcher.cpu_times()
        return used | {SCRIPTS: ended.children_user + ended.children_system}


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0


def without_scripts(used: dict[str, float]) -> float:
    """What all services use together."""
    return sum(used.values()) - used[SCRIPTS]


def cpu_figure(what: str, rounds: list[dict[str, float]]) -> Figure:
    """The figure of loads measured round by round; what each service used is in its facts."""
    median = sorted(rounds, key=without_scripts)[len(rounds) // 2]
    return Figure(
        what=what,
        unit="ms",
        value=without_scripts(median),
        goal=3.0,
        stretch=2.5,
        judged="value",
        better="lower",
        yardstick="the scripts themselves",
        yardstick_value=median[SCRIPTS],
        ratio=without_scripts(median) / median[SCRIPTS],
        rounds=[round(without_scripts(used), 3) for used in rounds],
        facts={name: round(value, 3) for name, value in median.items()},
    )
