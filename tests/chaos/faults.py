"""What goes wrong in a round, chosen by its seed."""

import asyncio
import contextlib
from collections.abc import Sequence
from random import Random

import nats
from chaos.stack import ChaosStack
from webjobs_events.subjects import Subjects, token_of

_SUBJECTS = Subjects()


async def inject_faults(stack: ChaosStack, jobs: Sequence[str], random: Random, seconds: float) -> list[str]:
    """Inject faults for so many seconds; answers what was done, in order. Pauses and cuts may still last."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    began = loop.time()
    healing: set[asyncio.TimerHandle] = set()
    while (left := end - loop.time()) > 0:
        await asyncio.sleep(min(left, random.uniform(0.3, 2.0)))
        told.append(f"{loop.time() - began:.1f} s: {await _inject(stack, jobs, random, healing)}")
    return told


async def _inject(
    stack: ChaosStack, jobs: Sequence[str], random: Random, healing: set[asyncio.TimerHandle]
) -> str:
    part = stack.parts[random.choice(sorted(stack.parts))]
    kind = random.choice(["kill", "kill", "kill", "pause", "pause", "launcher", "cut", "garbage"])
    seconds = random.choice([0.3, 1.0, 3.0, 8.0])
    later = asyncio.get_running_loop().call_later
    if kind == "kill":
        part.kill()
        return f"kill -9 {part.name}"
    if kind == "pause":
        part.pause()
        healing.add(later(seconds, part.resume))
        return f"{part.name} stands still for {seconds:g} s"
    if kind == "launcher":
        runner = stack.parts[f"runner-{random.randint(1, 3)}"]
        return f"kill -9 the launcher of {runner.name}" if runner.kill_launcher() else "nothing"
    if kind == "cut":
        stack.line.cut()
        healing.add(later(2 * seconds, stack.line.mend))
        return f"runner-3 is cut off from NATS for {2 * seconds:g} s"
    return await _send_garbage(stack.nats_url, random.choice(jobs), random)


async def _send_garbage(nats_url: str, job: str, random: Random) -> str:
    """Bytes that nobody can read, on a subject that somebody reads."""
    token = token_of(job)
    subject = random.choice(
        [
            f"webjobs.commands.triggered.{token}.garbage",
            f"webjobs.commands.triggered.{token}.run.1",
            f"webjobs.commands.continuous.{token}.start",
            f"webjobs.events.triggered.{token}.Garbage",
            f"webjobs.events.triggered.{token}.Success",
            f"webjobs.logs.triggered.{token}.1",
            f"$KV.{_SUBJECTS.leases_bucket}.garbage.{token}",
            f"$KV.{_SUBJECTS.jobs_bucket}.triggered.{token}-garbage",
        ]
    )
    with contextlib.suppress(Exception):
        async with asyncio.timeout(2):
            connection = await nats.connect(nats_url, allow_reconnect=False, connect_timeout=1)
            try:
                await connection.publish(subject, random.randbytes(64))
                await connection.flush(1)
            finally:
                await connection.close()
    return f"garbage on {subject}"
