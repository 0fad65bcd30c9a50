"""Which events a reader asks for; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from webjobs_events.events import EVENT_TYPES
from webjobs_events.subjects import Subjects, token_of
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import parse_job_name

from webjobs_api.http.request_errors import InvalidEventFilter

KINDS = sorted({kind for kind, _ in EVENT_TYPES})
NAMES = sorted({name for _, name in EVENT_TYPES})
_INSTANCE = "instance"
_MOST_VALUES = 50  # of one parameter
_MOST_SUBJECTS = 64  # that NATS is asked to filter by; more is filtered here


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What an event must be; an empty set lets everything through.

    Attributes:
        kinds: `triggered`, `continuous` or `instance`.
        jobs: Names of jobs, as tokens of a subject.
        names: Names of events.
    """

    kinds: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def passes(self, subject: str) -> bool:
        """Whether an event published on this subject is asked for."""
        kind, about, name = subject.rsplit(".", 3)[1:]
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.names or name in self.names)
            and (not self.jobs or (about in self.jobs and kind != _INSTANCE))
        )

    def subjects(self, subjects: Subjects) -> list[str]:
        """Filters for NATS that let at least the events through that pass."""
        kinds = self.kinds - {_INSTANCE} if self.jobs else self.kinds
        parts = [sorted(values) or ["*"] for values in (kinds, self.jobs, self.names)]
        if len(parts[0]) * len(parts[1]) * len(parts[2]) > _MOST_SUBJECTS:
            return [subjects.all_events]
        prefix = subjects.all_events.removesuffix(">")
        return [prefix + ".".join(tokens) for tokens in product(*parts)]


def event_filter_of(parameters: Mapping[str, Sequence[str]]) -> EventFilter:
    """The filter that the parameters `type`, `job` and `event` make, each given any number of times.

    Raises:
        InvalidEventFilter: One of them names what no event can be about.
    """
    for parameter in ("type", "job", "event"):
        if len(parameters.get(parameter, ())) > _MOST_VALUES:
            raise InvalidEventFilter(parameter, "…", f"give at most {_MOST_VALUES} of them")
    return EventFilter(
        kinds=frozenset(_one_of(KINDS, "type", value) for value in parameters.get("type", ())),
        jobs=frozenset(_job(value) for value in parameters.get("job", ())),
        names=frozenset(_one_of(NAMES, "event", value) for value in parameters.get("event", ())),
    )


def sequence_of(parameter: str, value: str) -> int:
    """A sequence of the stream as a client writes it.

    Raises:
        InvalidEventFilter: It is none.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise InvalidEventFilter(parameter, value, "give the id of an event, which is a number")
    return int(value)


def start_of(last_event_id: str | None, after: str | None, start: str | None) -> int | None:
    """The sequence after which a reader wants to begin; None: from now on.

    Args:
        last_event_id: The header by which a client resumes; it beats the parameters.
        after: The parameter of the same meaning.
        start: The parameter `from`: `first` or `now`.

    Raises:
        InvalidEventFilter: It is not the sequence of a stream, or another word.
    """
    if last_event_id:
        return sequence_of("Last-Event-ID", last_event_id)
    if after is not None:
        return sequence_of("after", after)
    if start in (None, "now"):
        return None
    if start == "first":
        return 0
    raise InvalidEventFilter("from", start or "", "it is `first` or `now`")


def _one_of(known: Sequence[str], parameter: str, value: str) -> str:
    if value not in known:
        raise InvalidEventFilter(parameter, value, f"it is one of {', '.join(known)}")
    return value


def _job(value: str) -> str:
    try:
        return token_of(parse_job_name(value))
    except InvalidJobName as error:
        raise InvalidEventFilter("job", value, error.reason) from error
