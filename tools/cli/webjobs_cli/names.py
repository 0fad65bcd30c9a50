"""Names of jobs and runs as people write them: `NAME`, `TYPE/NAME`, `JOB/RUN`, `JOB/@last`; pure."""

from collections.abc import Iterable
from typing import NamedTuple

from webjobs_cli.errors import CommandError

TYPES = ("triggered", "continuous")
LAST = "@last"
_LISTS = {"hook": "webjobs hooks list"}


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
        is_run = slash and kind and _is_run(name)
        hint = f" It names a run; its job is {kind!r}." if is_run else ""
        raise _invalid(text, f"a job: NAME, triggered/NAME or continuous/NAME.{hint}")
    return JobName(name, kind or None)


def parse_run(text: str) -> RunName:
    """The run that `JOB/RUN` or `JOB/@last` names; `JOB` alone means its last one.

    Raises:
        CommandError: It names none.
    """
    parts = text.split("/")
    kind = parts.pop(0) if len(parts) > 1 and parts[0] in TYPES and not _is_run(parts[1]) else None
    if not all(parts) or len(parts) > 2 or (len(parts) == 2 and not _is_run(parts[1])):
        raise _invalid(text, "a run: JOB/RUN or JOB/@last, where RUN are the digits of a run id.")
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
        meant = near(given, known)
        raise not_found(given, what, "" if meant is None else f"Did you mean {meant!r}?")
    raise CommandError(
        "ambiguous_name", f"{given!r} may be {listed(found)}.", "Write more of the name.", exit_code=2
    )


def near(given: str, names: Iterable[str]) -> str | None:
    """The name that is most like the given one; None when none is near."""
    from webjobs_rules.near_miss import closest_name  # only here: every other start is quicker without

    return closest_name(given, names, is_refused=True)


def not_found(given: str, what: str, hint: str = "") -> CommandError:
    """The error for a name that nothing has; `hint` is a sentence in place of how to list them."""
    lists = _LISTS.get(what, f"webjobs {what}s")
    return CommandError(
        f"{what}_not_found", f"There is no {what} {given!r}.", hint or f"`{lists}` lists them."
    )


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in a sentence; of many, the first and how many more."""
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def _is_run(text: str) -> bool:
    return text == LAST or (text.isascii() and text.isdigit())


def _invalid(text: str, expected: str) -> CommandError:
    return CommandError("invalid_name", f"{text!r} does not name {expected}", exit_code=2)
