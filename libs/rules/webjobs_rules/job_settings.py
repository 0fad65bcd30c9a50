"""What the keys of `settings.job` are and mean; the one model from which they are read and described."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobType
from webjobs_rules.near_miss import closest_name
from webjobs_rules.status import Reason

MAX_SECONDS = 366 * 86_400
"""The longest time that any key takes."""

DAY_SECONDS = 86_400

Grace = Annotated[float, Meta(ge=0, le=DAY_SECONDS)]
Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]

_DEFAULT_STOPPING_WAIT_SECONDS = {JobType.CONTINUOUS: 5.0, JobType.TRIGGERED: 30.0}
_IN_PLACE_EXTENSION = ".js"

RETRIED_REASONS = (
    Reason.EXIT_CODE,
    Reason.SIGNAL,
    Reason.IDLE_TIMEOUT,
    Reason.MAX_DURATION,
    Reason.RUNNER_LOST,
    Reason.HOST_SHUTDOWN,
    Reason.START_ERROR,
    Reason.DEPENDENCIES,
)
"""Reasons retried by default: those that no person requested and that another try may fix."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object within the settings: an unknown key in it is a typing error."""


class Backoff(_Section, frozen=True, kw_only=True):
    """Delays that grow: `min`, `min * factor`, and so on up to `max`.

    Attributes:
        min: First delay in seconds.
        max: Longest delay in seconds.
        factor: By which each delay is longer than the one before.
    """

    min: Annotated[float, Meta(ge=0, le=DAY_SECONDS)] = 1.0
    max: Annotated[float, Meta(ge=0, le=DAY_SECONDS)] = 300.0
    factor: Annotated[float, Meta(ge=1, le=100)] = 2.0

    def delay_seconds(self, before: int) -> float:
        """The delay after `before` others, 0 for the first."""
        longest = max(self.min, self.max)
        try:
            return min(longest, self.min * self.factor**before)
        except OverflowError:
            return longest


class Retry(_Section, frozen=True, kw_only=True):
    """Another attempt of a run that did not end well.

    Attributes:
        max_attempts: Attempts in all, the first one included.
        backoff: Delay before the next attempt: seconds, or delays that grow.
        on: Reasons that are tried again.
    """

    max_attempts: Annotated[int, Meta(ge=1, le=100)] = 3
    backoff: Annotated[float, Meta(ge=0, le=DAY_SECONDS)] | Backoff = msgspec.field(default_factory=Backoff)
    on: list[Reason] = msgspec.field(default_factory=lambda: list(RETRIED_REASONS))

    def delay_seconds(self, attempt: int) -> float:
        """The delay after the attempt with this number, from 1."""
        if isinstance(self.backoff, Backoff):
            return self.backoff.delay_seconds(attempt - 1)
        return self.backoff


class ConcurrencyPolicy(StrEnum):
    """What becomes of a run that is asked for while others of its job are not done."""

    REJECT = "reject"
    """It is refused: 409."""
    QUEUE = "queue"
    """It waits for its turn."""
    ALLOW = "allow"
    """It runs beside the others; beyond `limit` it waits."""
    REPLACE = "replace"
    """The oldest one is ended, and it runs after that."""


class Concurrency(_Section, frozen=True, kw_only=True):
    """How many runs of a job there may be at once, and what happens beyond.

    Attributes:
        policy: What becomes of one more.
        limit: Runs at once; None: one, and without end for `allow`.
    """

    policy: ConcurrencyPolicy = ConcurrencyPolicy.REJECT
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None

    @property
    def at_once(self) -> int | None:
        """Runs at once; None: any number."""
        if self.limit is None and self.policy is not ConcurrencyPolicy.ALLOW:
            return 1
        return self.limit

    @property
    def is_fenced(self) -> bool:
        """Whether the limit holds through a cut from NATS too: a policy or limit was asked for.

        Runs of other jobs go on while NATS is away.
        """
        return self.at_once is not None and (
            self.limit is not None or self.policy is not ConcurrencyPolicy.REJECT
        )


class MissedPolicy(StrEnum):
    """What becomes of due times that passed while no runner could start the job."""

    SKIP = "skip"
    """Nothing is run for them."""
    ONCE = "once"
    """One run stands for all of them."""
    ALL = "all"
    """Each has its run."""


class Missed(_Section, frozen=True, kw_only=True):
    """Due times that passed unseen.

    Attributes:
        policy: What becomes of them.
        within: Only of those at most this many seconds old.
    """

    policy: MissedPolicy = MissedPolicy.ONCE
    within: Seconds = 600.0


class HealthCheck(_Section, frozen=True, kw_only=True):
    """A look at whether a continuous job still answers on its WEBJOBS_PORT.

    Attributes:
        path: Requested with GET; a status below 400 is healthy.
        interval: Seconds between two looks.
        timeout: Seconds that a response may take.
        failures: Failed checks in a row after which the script is restarted.
        start_period: Seconds after the start in which a failure does not count.
    """

    path: Annotated[str, Meta(pattern="^/", max_length=1000)] = "/"
    interval: Annotated[float, Meta(gt=0, le=DAY_SECONDS)] = 30.0
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 5.0
    failures: Annotated[int, Meta(ge=1, le=1000)] = 3
    start_period: Annotated[float, Meta(ge=0, le=DAY_SECONDS)] = 30.0


class StopSignal(StrEnum):
    """The signal that asks a script to end."""

    SIGTERM = "SIGTERM"
    SIGINT = "SIGINT"
    SIGQUIT = "SIGQUIT"
    SIGHUP = "SIGHUP"
    NONE = "none"
    """No signal: the script has its shutdown file, and is killed when its grace is over."""


class DependencySwitch(StrEnum):
    """Whether the packages that a job's files declare are installed for it."""

    ON = "on"
    """They are, if the site does not turn it off."""
    OFF = "off"
    """They are not: the script runs with what is installed on the machine."""


class JobSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `settings.job` asks for; keys that are not known stay in the definition untouched.

    Attributes:
        schedule: When a triggered job is run: six fields, seconds first.
        time_zone: IANA name of the zone that the schedule is meant in; None: WEBSITE_TIME_ZONE.
        enabled: False keeps the job from running.
        is_singleton: One instance at a time runs the continuous job.
        is_in_place: Run in the job's folder instead of a copy; None leaves it to the script's type.
        stopping_wait_time: Seconds a script gets to end before it is killed; None is the type's default.
        stop_signal: What asks a script to end, at once; None: SIGTERM, but nothing until the grace is over
            for a job that watches its shutdown file.
        timeout: Longest duration of a run in seconds; None: no limit.
        retry: Further attempts of runs that failed; None: there are none.
        concurrency: Runs at once.
        missed: Due times that passed unseen.
        env: Environment variables of the job's scripts.
        restart: Delays before a continuous job is started again; None: WEBJOBS_RESTART_TIME.
        health_check: Whether a continuous job is asked for its health; None: it is not.
        dependencies: Whether the packages that its files declare are installed.
    """

    schedule: str | None = None
    time_zone: str | None = None
    enabled: bool = True
    is_singleton: bool = False
    is_in_place: bool | None = None
    stopping_wait_time: Grace | None = None
    stop_signal: StopSignal | None = None
    timeout: Seconds | None = None
    retry: Retry | None = None
    concurrency: Concurrency = msgspec.field(default_factory=Concurrency)
    missed: Missed = msgspec.field(default_factory=Missed)
    env: dict[str, str] = msgspec.field(default_factory=dict)
    restart: Backoff | None = None
    health_check: HealthCheck | None = None
    dependencies: DependencySwitch = DependencySwitch.ON

    def stopping_wait_seconds(self, job_type: JobType) -> float:
        """Grace before the kill: as set, else 5 s for continuous and 30 s for triggered jobs."""
        if self.stopping_wait_time is None:
            return _DEFAULT_STOPPING_WAIT_SECONDS[job_type]
        return self.stopping_wait_time

    def runs_in_place(self, script: str) -> bool:
        """Whether this script runs in the job's folder: as set, else only a `.js` does.

        Source: Kudu, NodeScriptHost.cs and BaseJobRunner.cs.
        """
        if self.is_in_place is None:
            return script.lower().endswith(_IN_PLACE_EXTENSION)
        return self.is_in_place


_UNSET = JobSettings()


def read_job_settings(settings: Mapping[str, Any]) -> JobSettings:
    """The known keys, with their types and ranges checked.

    Null is the same as absent, and so is a schedule that is blank.

    Raises:
        InvalidJobSettings: Naming the key and what is expected.
    """
    known = {key: value for key, value in settings.items() if value is not None}
    schedule = known.get("schedule")
    if isinstance(schedule, str) and not schedule.strip():
        del known["schedule"]
    if not known:  # as most jobs; thousands of them share one
        return _UNSET
    try:
        return msgspec.convert(known, JobSettings)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).rpartition(" - at ")
        if not reason:
            reason, path = path, ""
        key = path.strip("`").removeprefix("$").removeprefix(".")
        if key == _SOME_VARIABLE:
            key = f"env[{shown_variable(_first_without_text(known['env']))}]"
        if reason.startswith("Invalid enum value") and key in _CHOICES:
            reason = f"{reason}; expected one of {', '.join(_CHOICES[key])}"
        reason += _closest_field(key, reason)
        raise InvalidJobSettings(key, f"is wrong: {_in_json_words(reason)}") from error


def _closest_field(key: str, reason: str) -> str:
    """What to write instead of an unknown field of an object within the settings."""
    unknown, section = _UNKNOWN_FIELD.search(reason), _SECTIONS.get(key)
    if unknown is None or section is None:
        return ""
    fields = section.__struct_fields__
    closest = closest_name(unknown[1], fields)
    return f"; did you mean {closest}" if closest else f"; it can have {', '.join(fields)}"


def shown_variable(name: str) -> str:
    """A name as published error texts show it: what follows an `=` is a value put there by mistake."""
    before, equals, _ = name.partition("=")
    return repr(f"{before[:60]}=…" if equals else name[:60])


_SOME_VARIABLE = "env[...]"  # all that msgspec says of where in a dict a fault is


def _first_without_text(variables: Mapping[str, Any]) -> str:
    return next(name for name, value in variables.items() if not isinstance(value, str))


_UNKNOWN_FIELD = re.compile(r"unknown field `(.*)`", re.DOTALL)
_SECTIONS: Mapping[str, type[_Section]] = {
    "retry": Retry,
    "retry.backoff": Backoff,
    "restart": Backoff,
    "concurrency": Concurrency,
    "missed": Missed,
    "health_check": HealthCheck,
}
_CHOICES: Mapping[str, type[StrEnum]] = {
    "stop_signal": StopSignal,
    "dependencies": DependencySwitch,
    "concurrency.policy": ConcurrencyPolicy,
    "missed.policy": MissedPolicy,
}
_JSON_WORDS = {"str": "string", "float": "number", "int": "integer", "bool": "boolean"}


def _in_json_words(reason: str) -> str:
    """What msgspec says, in the words of who writes JSON: types by their names there, null left out."""
    reason = reason.replace(" | null`", "`")
    for python, json in _JSON_WORDS.items():
        reason = reason.replace(f"`{python}`", json).replace(f"`{python} ", f"`{json} ")
    return f"{reason[0].lower()}{reason[1:]}"
