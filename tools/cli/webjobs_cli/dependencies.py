"""Dependencies of a job, asked of a server, and the difference between two locks."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from webjobs_client import Client

from webjobs_cli.shapes.deps import DependenciesShown, LockedPackage


def dependencies_of(client: Client, job_type: str, name: str, *, lock: bool = False) -> DependenciesShown:
    """The dependencies of a job.

    Raises:
        JobNotFound: There is no such job.
    """
    path = f"/api/jobs/{job_type}/{quote(name, safe='')}/dependencies"
    answer = client.request("GET", f"{path}?lock=true" if lock else path)
    return msgspec.json.decode(answer.body, type=DependenciesShown)


def difference(before: Sequence[LockedPackage], after: Sequence[LockedPackage]) -> list[str]:
    """What differs between the packages of two locks, a line for each: `~ requests 2.31 -> 2.32`.

    A package may have several versions: one for each version of Python, or in several places of Node.js.
    """
    old, new = _versions(before), _versions(after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"+ {name} {new[name]}")
        elif name not in new:
            lines.append(f"- {name} {old[name]}")
        elif old[name] != new[name]:
            lines.append(f"~ {name} {old[name]} -> {new[name]}")
    return lines


def _versions(packages: Sequence[LockedPackage]) -> dict[str, str]:
    versions: dict[str, dict[str, None]] = {}
    for each in packages:
        versions.setdefault(each.name, {})[each.version] = None
    return {name: ", ".join(found) for name, found in versions.items()}
