"""The faults of a round, chosen by its seed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from chaos.nats_faults import hand_out_again, reset_consumer, send_garbage
from chaos.nats_nodes import COUNT, OUTAGE_SECONDS, PREFIX
from chaos.stack import FAR_RUNNER, RUNNERS, ChaosStack
from support.eventually import pause
from webjobs_runner.lease_terms import LeaseTerms

_TERMS = LeaseTerms.for_replicas(COUNT)
_PAUSES = (0.3, 1.0, 3.0, 8.0, 13.0)  # seconds; the last outlasts a lease and the time of an acknowledgement
_JOINED_SECONDS = 2.0  # between two outages in which a lease may not be renewed

KINDS = (
    "kill",
    "kill",
    "pause",
    "pause",
    "restart",
    "launcher",
    "cut",
    "disk",
    "garbage",
    "again",
    "consumer",
)


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a part did not work, or could not be reached; monotonic."""

    part: str
    began: float
    ended: float


@dataclass(slots=True)
class Faults:
    """What was done in a round, in order."""

    log: list[str] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    def note_outage(self, part: str, seconds: float) -> None:
        """A part does not work from now on for so many seconds."""
        now = time.monotonic()
        self.outages.append(Outage(part, now, now + seconds))

    def was_cut_off_beyond_its_lease(self, runner: str) -> bool:
        """Whether a runner may have been taken for lost while its scripts ran.

        That takes as long as its lease still holds after its last renewal.
        """
        spans = sorted((each.began, each.ended) for each in self.outages if each.part in (runner, PREFIX))
        longest, joined = 0.0, (0.0, 0.0)
        for began, ended in spans:
            is_joined = began - joined[1] < _JOINED_SECONDS
            joined = (joined[0] if is_joined else began, max(ended, joined[1]))
            longest = max(longest, joined[1] - joined[0])
        return longest >= _TERMS.seconds - _TERMS.heartbeat_seconds


class FaultInjector:
    """Injects faults at random moments. Pauses, cuts and full disks end by themselves, or with `heal`."""

    def __init__(self, stack: ChaosStack, jobs: Sequence[str], random: Random, longest: float) -> None:
        """Nothing happens yet.

        Args:
            stack: To be broken.
            jobs: Names, for faults on subjects and keys of a job.
            random: Chooses what happens, and when.
            longest: Seconds that a pause may last.
        """
        self.faults = Faults()
        self._stack = stack
        self._jobs = jobs
        self._random = random
        self._pauses = [seconds for seconds in _PAUSES if seconds <= longest]
        self._healing: dict[str, asyncio.TimerHandle] = {}

    async def run(self, seconds: float) -> None:
        """Inject faults for so many seconds."""
        began = time.monotonic()
        while (left := began + seconds - time.monotonic()) > 0:
            await pause(min(left, self._random.uniform(0.2, 1.4)), "the pace of the faults")
            # The line is there before its fault is: that may fail itself.
            kind = self._random.choice(KINDS)
            self.faults.log.append(f"{time.monotonic() - began:.1f} s: {kind}")
            self.faults.log[-1] += f": {await self._inject(kind)}"

    def heal(self) -> None:
        """End whatever lasts."""
        for timer in self._healing.values():
            timer.cancel()
        self._healing.clear()
        self._stack.heal()

    async def _inject(self, kind: str) -> str:
        match kind:
            case "kill" | "restart" | "pause":
                return self._end_or_pause(kind)
            case "launcher":
                runner = self._stack.parts[f"runner-{self._random.randint(1, RUNNERS)}"]
                return runner.name if runner.kill_launcher() else "nothing"
            case "cut":
                seconds = 2 * self._random.choice(self._pauses)
                self._stack.line.cut()
                self._last("cut", FAR_RUNNER, seconds, self._stack.line.mend)
                return f"{FAR_RUNNER} from NATS for {seconds:g} s"
            case "disk":
                seconds = self._random.choice(self._pauses)
                self._stack.disk.fill()
                self._last("disk", "", seconds, self._stack.disk.free)
                return f"of {FAR_RUNNER} is full for {seconds:g} s"
            case "again":
                return await hand_out_again(self._stack.nats_url)
            case "consumer":
                return await reset_consumer(self._stack.nats_url, self._random.choice(["runs", "jobs"]))
        return await send_garbage(self._stack.nats_url, self._random.choice(self._jobs), self._random)

    def _end_or_pause(self, kind: str) -> str:
        part = self._stack.parts[self._random.choice(sorted(self._stack.parts))]
        if kind == "pause":
            seconds = self._random.choice(self._pauses)
            part.pause()
            self._last(part.name, part.name, seconds, part.resume)
            if part.name.startswith(PREFIX):
                self.faults.note_outage(PREFIX, max(seconds, OUTAGE_SECONDS))
            return f"{part.name} for {seconds:g} s"
        (part.kill if kind == "kill" else part.restart)()
        if part.name.startswith(PREFIX):
            self.faults.note_outage(PREFIX, OUTAGE_SECONDS)
        return part.name

    def _last(self, key: str, part: str, seconds: float, end: Callable[[], None]) -> None:
        """Let a fault end after so many seconds; one of its kind that lasts already goes on until then."""
        if key in self._healing:
            self._healing[key].cancel()
        self._healing[key] = asyncio.get_running_loop().call_later(seconds, end)
        if part:
            self.faults.note_outage(part, seconds)
