"""The jobs of a round: scripts that write down what they see, where no fault reaches it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

TICK_SECONDS = 2
_SCHEDULE = f"*/{TICK_SECONDS} * * * * *"

# A run that finds all locks taken runs beside more runs than are allowed, and writes down which; the kernel
# frees the locks of the dead.
_TRIGGERED = """
witness={witness}
{same_version}
me="$WEBJOBS_RUN_ID/$WEBSITE_INSTANCE_ID"
echo "start $WEBJOBS_RUN_ID $$" >> "$witness.starts"
held=
for number in $(seq {limit}); do
    exec 9>> "$witness.lock.$number"
    if flock --nonblock 9; then held=$number; echo "$me" > "$witness.holder.$number"; break; fi
done
[ "$held" ] || echo "$me" $(cat "$witness".holder.*) >> "$witness.over"
seq -f "line %g of $WEBJOBS_RUN_ID" {lines}
seq -f "error %g of $WEBJOBS_RUN_ID" {error_lines} >&2
echo "wrote $WEBJOBS_RUN_ID $$" >> "$witness.starts"
{{ echo "0.5 $WEBJOBS_RUN_ID" >> "$WEBJOBS_PROGRESS_FILE"; }} 2>/dev/null
{{ echo "$WEBJOBS_RUN_ID" > "$WEBJOBS_RESULT_FILE"; }} 2>/dev/null
{body}
echo "end $WEBJOBS_RUN_ID $$" >> "$witness.starts"
"""
# A script and the other files of its package must be of one version.
_SAME_VERSION = """
version=VERSION
[ "$version" = "$(cat version)" ] || echo "$version $(cat version)" >> "$witness.mixed"
"""
# A second one may meet the first for as long as `flock` waits; no longer.
_SINGLETON = """
witness={witness}
{same_version}
exec 9>> "$witness.lock"
flock --wait {patience} 9 || echo "$WEBSITE_INSTANCE_ID" >> "$witness.over"
echo "start $WEBSITE_INSTANCE_ID $$" >> "$witness.starts"
while :; do sleep 0.2 9>&-; done
"""
_CONTINUOUS = """
witness={witness}
{same_version}
echo "start $WEBSITE_INSTANCE_ID $$" >> "$witness.starts"
{body}
"""
_SKEW_SECONDS = 3  # between the end of a lease and that of the script, on a busy machine


@dataclass(frozen=True, slots=True)
class ChaosJob:
    """One job of a round.

    Attributes:
        name: Unlike that of any other round.
        job_type: Of two.
        script: What `run.sh` is, with VERSION in place of its version.
        settings: What `settings.job` is.
        is_requested: Whether the load requests runs of it.
        lines: That each run writes to its standard output, when it comes so far.
        error_lines: The same of its standard error.
        is_steady: Of a continuous job: whether its script runs until it is stopped.
        is_fleeting: Whether the load deletes it, and deploys it again.
    """

    name: str
    job_type: str
    script: str
    settings: dict[str, Any] = field(default_factory=dict)
    is_requested: bool = True
    lines: int = 0
    error_lines: int = 0
    is_steady: bool = True
    is_fleeting: bool = False

    def files(self, version: int) -> dict[str, str]:
        """Its package, whose versions do the same."""
        return {
            "run.sh": self.script.replace("VERSION", str(version)),
            "version": str(version),
            "settings.job": json.dumps(self.settings),
        }

    @property
    def is_scheduled(self) -> bool:
        """Whether it runs by itself."""
        return "schedule" in self.settings

    @property
    def is_singleton(self) -> bool:
        """Whether one instance runs it."""
        return bool(self.settings.get("is_singleton"))


def jobs_of_round(prefix: str, witness: Path, random: Random) -> list[ChaosJob]:
    """One of each kind; limits, what runs take in time and how they end differ with the seed."""

    def triggered(
        kind: str,
        body: str,
        limit: int = 1,
        policy: str = "",
        is_requested: bool = True,
        lines: int = 40,
        error_lines: int = 0,
        is_fleeting: bool = False,
        **settings: Any,
    ) -> ChaosJob:
        name = f"{prefix}-{kind}"
        if policy:
            settings["concurrency"] = {"policy": policy, "limit": limit}
        script = _TRIGGERED.format(
            witness=witness / name,
            same_version=_SAME_VERSION,
            limit=limit,
            lines=lines,
            error_lines=error_lines,
            body=body,
        )
        return ChaosJob(
            name, "triggered", script, settings, is_requested, lines, error_lines, is_fleeting=is_fleeting
        )

    def continuous(kind: str, script: str, is_steady: bool = True, **settings: Any) -> ChaosJob:
        name = f"{prefix}-{kind}"
        text = script.replace("{witness}", str(witness / name)).replace("{same_version}", _SAME_VERSION)
        return ChaosJob(name, "continuous", text, settings, is_steady=is_steady)

    def sleep(most: float = 0.8) -> str:
        return f"sleep {random.uniform(0, most):.2f} 9>&-"

    fails = "[ $((RANDOM % 2)) = 0 ] || exit 1"
    retry = {"max_attempts": 3, "backoff": 0.2, "on": ["exit_code", "runner_lost", "host_shutdown"]}
    few = random.randint(1, 2)
    several = random.randint(2, 3)
    return [
        triggered("plain", sleep()),
        triggered("reject", sleep(), few, "reject"),
        triggered("queue", sleep(), 3 - few, "queue", lines=3000),
        triggered("allow", sleep(), several, "allow", error_lines=40),
        triggered("replace", sleep(), few, "replace", stopping_wait_time=1),
        triggered("retry", f"{sleep()}\n{fails}", 3 - few, "queue", retry=retry),
        triggered("slow", "sleep 6 9>&-", timeout=4, stopping_wait_time=1),
        triggered("fleeting", sleep(), is_requested=False, is_fleeting=True),
        triggered("ticks", sleep(2 * TICK_SECONDS), is_requested=False, schedule=_SCHEDULE),
        triggered("ticks-all", sleep(), 1, "queue", schedule=_SCHEDULE, missed={"policy": "all"}),
        continuous("everywhere", _CONTINUOUS.replace("{body}", "while :; do sleep 0.2; done")),
        continuous("ends", _CONTINUOUS.replace("{body}", sleep(3).removesuffix(" 9>&-")), is_steady=False),
        continuous("single", _SINGLETON.replace("{patience}", str(_SKEW_SECONDS)), is_singleton=True),
    ]
