"""Which paths of a site folder may be asked for, and which belong to webjobs itself."""

from collections.abc import Sequence

from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

APP_DATA = "app_data"
_STAGING = ".webjobs-staging"
_SERVERS = frozenset({"nats", "postgres"})
_LOCKS = ("stack.", ".")  # how the names of what a whole stack notes begin
_JOBS = ("site", "wwwroot", APP_DATA, "jobs")
_ABOVE_JOBS = frozenset(
    {
        *(_JOBS[:count] for count in range(1, len(_JOBS) + 1)),
        *((*_JOBS, job_type.value) for job_type in JobType),
    }
)
_KEPT = frozenset(
    {
        (),
        *_ABOVE_JOBS,
        ("data",),
        ("data", "jobs"),
        *(("data", "jobs", job_type.value) for job_type in JobType),
        ("logfiles",),
    }
)
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 2048

SitePath = tuple[str, ...]
"""Names from the site folder downwards; empty for the site folder itself."""


class BadPath(WebJobsError):
    """A path that no file of a site folder has."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path[:150]!r} is not a path of a file: {reason}.")


def parse_path(text: str) -> SitePath:
    r"""The names in a path, decoded, relative to the site folder; `/` at either end does not matter.

    Raises:
        BadPath: It climbs, holds a character no name may have, or is too long.
    """
    names = tuple(name for name in text.split("/") if name not in ("", "."))
    for name in names:
        if name == "..":
            raise BadPath(text, "it climbs with '..'; write the path from the site folder downwards")
        if "\\" in name:
            raise BadPath(text, "it holds a back-slash; separate folders with '/'")
        if any(ord(character) < 32 or ord(character) == 127 for character in name):
            raise BadPath(text, "it holds a control character")
        if len(_bytes_of(name, text)) > _MAX_NAME_BYTES:
            raise BadPath(text, f"a name in it is longer than {_MAX_NAME_BYTES} bytes")
    if len("/".join(names).encode()) > _MAX_PATH_BYTES:
        raise BadPath(text, f"it is longer than {_MAX_PATH_BYTES} bytes")
    return names


def _bytes_of(name: str, text: str) -> bytes:
    try:
        return name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadPath(text.encode("utf-8", "replace").decode(), "it is not UTF-8 text") from error


def is_reserved(path: Sequence[str]) -> bool:
    """Whether it belongs to webjobs itself: the state of runners, the embedded servers, half-made versions.

    Case does not matter, as it does not on some file systems.
    """
    if not path:
        return False
    first = path[0].casefold()
    if first in _SERVERS or first.startswith(_LOCKS):
        return True
    if first == "data" and len(path) > 1 and path[1].startswith("."):
        return True
    return any(name.casefold() == _STAGING for name in path)


def is_kept(path: Sequence[str]) -> bool:
    """Whether it is a folder that webjobs works in, so that only what it holds may be removed."""
    return tuple(name.casefold() for name in path) in _KEPT


def is_above_jobs(path: Sequence[str]) -> bool:
    """Whether it is a folder on the way to jobs, `site/wwwroot/App_Data/jobs/{type}`, in any case."""
    return tuple(name.casefold() for name in path) in _ABOVE_JOBS


def job_of(path: Sequence[str]) -> tuple[JobType, str] | None:
    """The job in whose folder this lies, or whose folder it is; None when it is in none."""
    above = path[:5]
    if len(path) < 6 or not is_above_jobs(above):
        return None
    return JobType(above[-1].casefold()), path[5]
