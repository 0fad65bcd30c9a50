"""Which symbolic links of a job's folder stay inside it; pure."""

import unicodedata
from collections import deque
from collections.abc import Mapping

from webjobs_rules.left_out import Why

LONGEST_TARGET = 1024  # bytes
_MOST_LINKS = 40  # that lead to one another, as the kernel has it
_MOST_STEPS = 1000  # folders on the way


def fault_of_link(path: str, links: Mapping[str, str]) -> Why | None:
    """Returns why a link is left out of the package; None when it is kept.

    It is kept when it is relative and no step on its way is above the job's folder or through a link
    that leads out. Whether there is anything at its end does not matter.

    Args:
        path: Of the link, relative to the job's folder, `/` between parts.
        links: The target of every link in the folder, this one included, by path.
    """
    if not _is_text(links[path]):
        return Why.TARGET
    return _end_of(path, links)[1]


def end_of_link(path: str, links: Mapping[str, str]) -> str:
    """Returns the path that a link which is kept leads to, without links."""
    return _end_of(path, links)[0]


def _end_of(path: str, links: Mapping[str, str]) -> tuple[str, Why | None]:
    here = path.split("/")
    todo: deque[str] = deque([here.pop()])
    followed = 0
    for _ in range(_MOST_STEPS):
        if not todo:
            return "/".join(here), None
        name = todo.popleft()
        if name in ("", "."):
            continue
        if name == "..":
            if not here:
                return "", Why.OUTSIDE
            here.pop()
            continue
        here.append(name)
        target = links.get("/".join(here))
        if target is None:
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return "", Why.CIRCLE
        if target.startswith("/"):
            return "", Why.OUTSIDE
        here.pop()
        todo.extendleft(reversed(target.split("/")))
    return "", Why.CIRCLE


def _is_text(target: str) -> bool:
    try:
        size = len(target.encode())
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return False
    return 0 < size <= LONGEST_TARGET and not any(unicodedata.category(each) == "Cc" for each in target)
