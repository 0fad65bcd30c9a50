"""An action on many jobs or runs as a question before it, and as its outcome after it; pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from webjobs_rules.amounts import counted

from webjobs_api.bulk_actions.request import Action
from webjobs_api.bulk_actions.run_request import RunAction

_SHOWN = 100  # names in a question
_IN_COMMAND = 10  # names in a command line

Link = tuple[str, str]
"""Words and address of something that an action is about."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Words and address of what the action was not done to, why, and its value in a form."""

    words: str
    url: str
    why: str
    value: str


FormFields = Sequence[tuple[str, str]]
"""Names and values of hidden fields."""


@dataclass(frozen=True, slots=True)
class ActionWords:
    """What an action is called, and what it does, in a sentence."""

    verb: str
    sentence: str


JOB_WORDS: Mapping[Action, ActionWords] = {
    Action.RUN: ActionWords(
        "Run",
        "Each job runs once, without arguments. Continuous jobs have no runs, and are listed as failures.",
    ),
    Action.CANCEL: ActionWords("Cancel", "Every run of these jobs that waits or runs is cancelled."),
    Action.ENABLE: ActionWords(
        "Enable", "Schedules and requests start these triggered jobs again, and continuous jobs start."
    ),
    Action.DISABLE: ActionWords(
        "Disable", "Nothing starts these triggered jobs until they are enabled, and continuous jobs stop."
    ),
    Action.ACKNOWLEDGE: ActionWords(
        "Acknowledge",
        "What needs attention of these jobs is folded away. Jobs without it are listed as failures.",
    ),
}
RUN_WORDS: Mapping[RunAction, ActionWords] = {
    RunAction.CANCEL: ActionWords("Cancel", "Each of these runs is cancelled; only its log remains."),
    RunAction.RERUN: ActionWords(
        "Run again", "The job of each of these runs runs again, with the same arguments."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before anything is done.

    Attributes:
        title: The action and the number.
        sentence: What the action does.
        count: Of how many it is about.
        button: Words of the button that confirms it.
        fields: What the form sends with the number.
        links: What it is about: the first of all.
        more: How many there are beside.
        command: A command line that does the same; empty when it would be too long.
    """

    title: str
    sentence: str
    count: int
    button: str
    fields: FormFields
    links: Sequence[Link]
    more: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of it.

    Attributes:
        title: The action and the numbers.
        failures: What it was not done to.
        again: Fields of a form that asks for the failures once more; empty when there are none, or too many.
    """

    title: str
    failures: Sequence[Failure]
    again: FormFields


def question(
    words: ActionWords, what: str, fields: FormFields, links: Sequence[Link], command: str
) -> Question:
    """The question before an action.

    Args:
        words: Of the action.
        what: `job` or `run`.
        fields: What the form sends.
        links: All that it is about.
        command: A command line that does the same.
    """
    title = f"{words.verb}: {counted(len(links), what)}"
    return Question(
        title=f"{title}?",
        sentence=words.sentence,
        count=len(links),
        button=title,
        fields=fields,
        links=links[:_SHOWN],
        more=max(0, len(links) - _SHOWN),
        command=command,
    )


def outcome(
    words: ActionWords, what: str, count: int, failures: Sequence[Failure], again: FormFields
) -> Outcome:
    """The outcome of an action on so many."""
    done = f"done for {count - len(failures):,} of " if failures else "done for "
    return Outcome(title=f"{words.verb}: {done}{counted(count, what)}", failures=failures, again=again)


def command_line(
    address: str, action: str, what: str, named: Sequence[object] | None, chosen: Mapping[str, object]
) -> str:
    """A command line that does the same by the api; empty when it would name too many.

    Args:
        address: Of the route.
        action: Its name in the api.
        what: `jobs` or `runs`.
        named: Those that are checked, as the api names them; None with a filter.
        chosen: The filter; of its values the empty ones are left out.
    """
    if named is not None and len(named) > _IN_COMMAND:
        return ""
    about = {name: value for name, value in chosen.items() if value} if named is None else named
    body = {"action": action, "filter" if named is None else what: about}
    text = msgspec.json.encode(body).decode()
    return f"curl -H 'Content-Type: application/json' http://ADDRESS{address} \\\n  -d {shlex.quote(text)}"
