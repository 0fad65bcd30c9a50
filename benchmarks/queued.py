"""How many runs a second of jobs whose runs wait for each other, asked for all at once."""

import asyncio
import json

from cpu import CpuMeter, cpu_figure, without_scripts
from figures import Figure, Rounds, note, tell
from live_stack import live_stack
from throughput import JOBS, SCRIPT, SLOTS, our_rate

ROUNDS = 3
QUEUE_JOBS = 200
RUNS = 1500
_SETTINGS = json.dumps({"concurrency": {"policy": "queue", "limit": 1}})


async def main() -> None:
    single = [f"job{number:03}" for number in range(JOBS)]
    queueing = [f"queue{number:03}" for number in range(QUEUE_JOBS)]
    asked_for = [queueing[number % QUEUE_JOBS] for number in range(RUNS)]
    rounds = Rounds("queued", "runs/s")
    used: list[dict[str, float]] = []
    async with live_stack(
        dict.fromkeys([*single, *queueing], SCRIPT),
        settings=dict.fromkeys(queueing, _SETTINGS),
        environment={"WEBJOBS_SLOTS": str(SLOTS)},
    ) as stack:
        await our_rate(stack, [*single, *queueing])  # makes the working copies, which later runs share
        for _ in range(ROUNDS):
            apart = await our_rate(stack, single)
            cpu = CpuMeter(stack)
            rounds.add(await our_rate(stack, asked_for), apart)
            used.append(cpu.milliseconds(RUNS))
            note(f"queued: {without_scripts(used[-1]):.2f} ms of CPU a run")
    tell(
        Figure(
            what=f"{RUNS} runs of {QUEUE_JOBS} jobs with concurrency: queue, {SLOTS} slots",
            unit="runs/s",
            yardstick=f"{JOBS} jobs, one run each",
            goal=1.0,
            stretch=1.2,
            better="higher",
            value=rounds.value,
            yardstick_value=rounds.yardstick_value,
            ratio=rounds.ratio,
            rounds=rounds.ratios,
        ),
        cpu_figure(f"CPU a run of {QUEUE_JOBS} jobs with concurrency: queue", used),
    )


if __name__ == "__main__":
    asyncio.run(main())
