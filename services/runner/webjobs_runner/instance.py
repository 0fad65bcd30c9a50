"""Who this runner is: an id that stays the same over restarts, and a boot that never does."""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webjobs_events.run_id import run_id_at

from webjobs_runner.errors import InstanceInUse
from webjobs_runner.processes.process_tree import claim_instance

_MOST_RUNNERS_OF_ONE_FOLDER = 64


@dataclass(frozen=True, slots=True)
class Instance:
    """A runner: `id` is 6 hex digits, `boot` its start in the form of a run id."""

    id: str
    boot: str


@contextmanager
def own_instance(wanted_id: str | None, folder: Path) -> Iterator[Instance]:
    """Be an instance as long as the body runs; no other runner of this machine can be the same.

    Args:
        wanted_id: The id to have; None derives one from the host's name and the folder, so that it
            is the same after a restart, and another one for each runner that shares the folder.
        folder: The site folder.

    Raises:
        InstanceInUse: Another runner of this machine has the id.
    """
    boot = run_id_at(datetime.now(UTC))
    for candidate in [wanted_id] if wanted_id else _derived_ids(folder):
        holder = claim_instance(candidate, "runner")
        if holder is not None:
            with holder:
                yield Instance(candidate, boot)
            return
    raise InstanceInUse(wanted_id or "derived from this folder")


def _derived_ids(folder: Path) -> Iterator[str]:
    place = f"{socket.gethostname()}:{folder.resolve()}"
    for number in range(_MOST_RUNNERS_OF_ONE_FOLDER):
        yield hashlib.sha256(f"{place}:{number}".encode()).hexdigest()[:6]
