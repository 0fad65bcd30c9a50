"""Claims the id of an instance, which is kept over restarts; the boot is new at each of them."""

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from webjobs_rules.run_id import run_id_at

from webjobs_runner.errors import InstanceInUse
from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.processes.process_tree import claim_instance

LOCK = "lock"
"""The file in an instance's folder that its runner holds locked."""

_MOST_RUNNERS_OF_ONE_FOLDER = 64


@contextmanager
def own_instance(wanted_id: str | None, site: Site) -> Iterator[Instance]:
    """Be an instance while the body runs; no other runner of this machine or of the site folder can be it.

    Args:
        wanted_id: The id to have. None takes over the id of a runner of this site folder that has ended:
            one that this host had, or else the one used last. Without any, the id is derived from host
            name and folder.
        site: Its folder may be shared with runners in other containers.

    Raises:
        InstanceInUse: Another runner has the wanted id.
    """
    boot = run_id_at(datetime.now(UTC))
    with ExitStack() as held:
        yield Instance(_claim_one(wanted_id, site, held), boot)


def _claim_one(wanted_id: str | None, site: Site, held: ExitStack) -> str:
    if wanted_id:
        if _claim(wanted_id, site, held):
            return wanted_id
        raise InstanceInUse(wanted_id)
    derived = list(_derived_ids(site.root))
    used = {folder.name for folder in site.runner_folders()}
    for candidate in (each for each in derived if each in used):
        if _claim(candidate, site, held):
            return candidate
    for candidate in _last_used_first(site):
        if _claim(candidate, site, held, only_by_lock=True):
            logger.info("instance taken over from a runner that has ended", instance=candidate)
            return candidate
    for candidate in derived:
        if _claim(candidate, site, held):
            return candidate
    raise InstanceInUse("derived from this folder")


def _derived_ids(folder: Path) -> Iterator[str]:
    place = f"{socket.gethostname()}:{folder.resolve()}"
    for number in range(_MOST_RUNNERS_OF_ONE_FOLDER):
        yield hashlib.sha256(f"{place}:{number}".encode()).hexdigest()[:6]


def _last_used_first(site: Site) -> list[str]:
    """Ids of instances whose folder has a lock file: a runner of an earlier release holds none."""
    used: dict[str, float] = {}
    for folder in site.runner_folders():
        try:
            used[folder.name] = (folder / LOCK).stat().st_mtime
        except OSError:
            continue
    return sorted(used, key=lambda each: -used[each])


def _claim(instance_id: str, site: Site, held: ExitStack, *, only_by_lock: bool = False) -> bool:
    """Take an id, unless another runner has it; it is given back when `held` ends.

    Two names protect it: one of this machine, and the lock of a file, which runners in several containers
    share. The kernel gives up both when the runner ends, however it ends.

    Args:
        instance_id: The id.
        site: Has the instance's folder.
        held: Gets what holds the id.
        only_by_lock: Do not take it where files cannot be locked.
    """
    with ExitStack() as claims:
        name = claim_instance(instance_id, "runner")
        if name is None:
            return False
        claims.enter_context(name)
        try:
            claims.callback(os.close, _locked_file(site, instance_id))
        except BlockingIOError:
            return False
        except OSError as error:  # a network folder without locks, or a folder of another user
            if only_by_lock:
                return False
            logger.warning("the instance's folder cannot be locked", instance=instance_id, error=str(error))
        held.push(claims.pop_all())
    return True


def _locked_file(site: Site, instance_id: str) -> int:
    """Returns a descriptor that holds the lock of the instance's folder.

    An operator may remove the folder at this moment: then it is made again.

    Raises:
        BlockingIOError: A runner has it.
        OSError: It cannot be locked.
    """
    while True:
        path = site.runner_state(instance_id) / LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                os.utime(descriptor)  # records when the id was used last
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
