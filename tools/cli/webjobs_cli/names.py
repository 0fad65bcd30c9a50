"""Names of jobs and runs as people write them: `NAME`, `TYPE/NAME`, `JOB/RUN`, `JOB/@last`; pure."""

from collections.abc import Iterable
from typing import NamedTuple

from webjobs_cli.errors import CommandError

TYPES = ("triggered", "continuous")
LAST = "@last"


class JobName(NamedTuple):
    """A job by its name, and by its type where that is given."""

    name: str
    type: str | None = None


class RunName(NamedTuple):
    """A run by its job and its id, the beginning of its id, or `@last`."""

    job: JobName
    run: str = LAST


def parse_job(text: str) -> JobName:
    """The job that `NAME` or `TYPE/NAME` names.

    Raises:
        CommandError: It names none.
    """
    kind, slash, name = text.partition("/")
    if not slash:
        kind, name = "", text
    if not name or "/" in name or (slash and kind not in TYPES):
        raise _invalid(text, "a job: NAME, triggered/NAME or continuous/NAME")
    return JobName(name, kind or None)


def parse_run(text: str) -> RunName:
    """The run that `JOB/RUN` or `JOB/@last` names; `JOB` alone means its last one.

    Raises:
        CommandError: It names none.
    """
    parts = text.split("/")
    kind = parts.pop(0) if len(parts) > 1 and parts[0] in TYPES and not _is_run(parts[1]) else None
    if not all(parts) or len(parts) > 2 or (len(parts) == 2 and not _is_run(parts[1])):
        raise _invalid(text, "a run: JOB/RUN or JOB/@last, where RUN are the digits of a run id")
    return RunName(JobName(parts[0], kind), parts[1] if len(parts) == 2 else LAST)


def chosen(given: str, names: Iterable[str], what: str) -> str:
    """The name that is the given one, or the only one that begins so.

    Raises:
        CommandError: There is none, or there are several, which are listed.
    """
    known = sorted(set(names))
    found = [given] if given in known else [name for name in known if name.startswith(given)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(
            f"{what}_not_found", f"There is no {what} {given!r}.", f"`webjobs {what}s` lists them."
        )
    raise CommandError(
        "ambiguous_name", f"{given!r} may be {listed(found)}.", "Write more of the name.", exit_code=2
    )


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in a sentence; of many, the first and how many more."""
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def _is_run(text: str) -> bool:
    return text == LAST or (text.isascii() and text.isdigit())


def _invalid(text: str, expected: str) -> CommandError:
    return CommandError("invalid_name", f"{text!r} does not name {expected}.", exit_code=2)
