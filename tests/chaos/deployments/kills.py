"""Kills one process at a random instant of a deployment."""

import contextlib
import time
from collections.abc import Callable, Sequence
from random import Random

import psutil
from chaos.deployments.stack import DeploymentStack
from support.eventually import pause
from support.processes import installers

KINDS = ("uv", "npm", "api", "runner")
"""In the order in which rounds take them."""
_MORE_KINDS = (*KINDS, "end", *KINDS, "end", "restart", "launcher", "nats", "postgres", "history")
_SECOND_KILL = 0.3  # chance
_TOOLS = {"uv": ("uv",), "npm": ("npm", "node")}
_LAST_STEPS_SECONDS = 0.2
_PACE = 0.003  # seconds between looks at the process table


def kinds_of_round(number: int, random: Random) -> Sequence[str]:
    """What is killed in a round of many: each kind in turn, and sometimes a second one.

    `end` is a runner that has just installed packages, or failed to; `restart` one that ends in good order.
    """
    second = [random.choice(_MORE_KINDS)] if random.random() < _SECOND_KILL else []
    return [_MORE_KINDS[number % len(_MORE_KINDS)], *second]


async def kill_one(
    stack: DeploymentStack, kind: str, seconds: float, is_over: Callable[[], bool], random: Random
) -> str:
    """Kill a process of a kind after so many seconds; returns what was killed.

    A program that installs is waited for until the deployment is over.
    """
    await pause(seconds, "the instant of the fault")
    if kind in _TOOLS:
        while not is_over():
            if (killed := _kill_tool(stack, kind, random)) is not None:
                return killed
            await pause(_PACE, "the pace of looks at the process table")
        return "nothing: the deployment was over"
    if kind == "end":
        name = await _runner_that_has_installed(stack, is_over)
        await pause(random.uniform(0, _LAST_STEPS_SECONDS), "what a runner does at the end of a deployment")
        stack.parts[name].kill()
        return name
    if kind in ("runner", "restart", "launcher"):
        part = stack.parts[_runner_at_work(stack) or f"runner-{random.randint(1, 2)}"]
        {"runner": part.kill, "restart": part.restart, "launcher": part.kill_launcher}[kind]()
        return part.name
    part = next(part for name, part in stack.parts.items() if name.startswith(kind))
    part.kill()
    return part.name


def tools(stack: DeploymentStack, *kinds: str) -> list[psutil.Process]:
    """Processes of the programs that install packages; without kinds, of any program in their place."""
    return installers(stack.site, *(word for kind in kinds for word in _TOOLS[kind]))


def _kill_tool(stack: DeploymentStack, kind: str, random: Random) -> str | None:
    """Kill one process of a running program: itself, or one that it has started."""
    for tool in tools(stack, kind):
        with contextlib.suppress(psutil.Error):
            process = random.choice([tool, *tool.children(recursive=True)])
            name, age = process.name(), time.time() - tool.create_time()
            command = " ".join(tool.cmdline()[:3])[-80:]
            process.kill()
            return f"{name} of {command!r}, {age:.3f} s old"
    return None


async def _runner_that_has_installed(stack: DeploymentStack, is_over: Callable[[], bool]) -> str:
    """The runner at work, once no program of it runs any more."""
    found = None
    while not is_over():
        now = _runner_at_work(stack)
        if found and not now:
            break
        found = now or found
        await pause(_PACE, "the pace of looks at the process table")
    return found or "runner-1"


def _runner_at_work(stack: DeploymentStack) -> str | None:
    """The runner that installs just now."""
    at_work = {process.pid for process in tools(stack)}
    for name, part in stack.parts.items():
        if name.startswith("runner") and at_work & part.pids:
            return name
    return None
