"""The jobs of a round: scripts that write down what they see, where no fault reaches it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

LINES = 40
"""That each run of a triggered job writes to its log."""

# Whoever finds all locks taken runs beside more runs than are allowed; the kernel frees those of the dead.
_PRELUDE = """
witness={witness}
echo "start $WEBJOBS_RUN_ID $$" >> "$witness.starts"
held=
for number in $(seq {limit}); do
    exec 9>> "$witness.lock.$number"
    if flock --nonblock 9; then held=$number; break; fi
done
[ "$held" ] || echo "$WEBJOBS_RUN_ID" >> "$witness.over"
seq -f "line %g of $WEBJOBS_RUN_ID" {lines}
"""
_EPILOGUE = 'echo "end $WEBJOBS_RUN_ID" >> "$witness.starts"\n'
# A second one may meet the first until that has noticed the loss of its lease; no longer.
_SINGLETON = """
witness={witness}
exec 9>> "$witness.lock"
flock --wait 20 9 || echo "$WEBSITE_INSTANCE_ID" >> "$witness.over"
echo "start $WEBSITE_INSTANCE_ID $$" >> "$witness.starts"
while :; do sleep 0.2 9>&-; done
"""
_CONTINUOUS = """
echo "start $WEBSITE_INSTANCE_ID $$" >> {witness}.starts
while :; do sleep 0.2; done
"""


@dataclass(frozen=True, slots=True)
class ChaosJob:
    """One job of a round."""

    name: str
    job_type: str
    script: str
    settings: dict[str, Any] = field(default_factory=dict)
    is_asked_for: bool = True
    """Whether the load asks for runs of it."""

    @property
    def files(self) -> dict[str, str]:
        """Its package."""
        return {"run.sh": self.script, "settings.job": json.dumps(self.settings)}


def jobs_of_round(prefix: str, witness: Path, random: Random) -> list[ChaosJob]:
    """One of each kind; what their runs take in time and how they end differs with the seed."""

    def triggered(kind: str, limit: int, body: str, is_asked_for: bool = True, **settings: Any) -> ChaosJob:
        name = f"{prefix}-{kind}"
        script = _PRELUDE.format(witness=witness / name, limit=limit, lines=LINES) + body + _EPILOGUE
        return ChaosJob(name, "triggered", script, settings, is_asked_for)

    def sleep() -> str:
        return f"sleep {random.uniform(0, 0.8):.2f} 9>&-\n"

    fails = "[ $((RANDOM % 2)) = 0 ] || exit 1\n"
    retry = {"max_attempts": 3, "backoff": 0.2, "on": ["exit_code", "runner_lost"]}
    return [
        triggered("reject", 1, sleep()),
        triggered("queue", 1, sleep(), concurrency={"policy": "queue", "limit": 1}),
        triggered("allow", 2, sleep(), concurrency={"policy": "allow", "limit": 2}),
        triggered("replace", 1, sleep(), concurrency={"policy": "replace", "limit": 1}, stopping_wait_time=1),
        triggered("retry", 1, sleep() + fails, concurrency={"policy": "queue", "limit": 1}, retry=retry),
        triggered("slow", 1, "sleep 6 9>&-\n", timeout=4, stopping_wait_time=1),
        triggered("ticks", 1, "", is_asked_for=False, schedule="*/2 * * * * *"),
        ChaosJob(
            f"{prefix}-everywhere", "continuous", _CONTINUOUS.format(witness=witness / f"{prefix}-everywhere")
        ),
        ChaosJob(
            f"{prefix}-single",
            "continuous",
            _SINGLETON.format(witness=witness / f"{prefix}-single"),
            {"is_singleton": True},
        ),
    ]
