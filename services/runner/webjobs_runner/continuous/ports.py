"""Ports for WEBJOBS_PORT: each job's own, free when its script starts, and no other job's on this machine."""

import socket
import zlib
from contextlib import closing
from dataclasses import dataclass

from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName

_FIRST = 20_000
_COUNT = 10_000  # below the range from which the kernel takes ports for connections


class NoPortFree(WebJobsError):
    """Every port that jobs may be given is taken."""

    def __init__(self) -> None:
        ports = f"{_FIRST} to {_FIRST + _COUNT - 1}"
        super().__init__(f"No port from {ports} is free for WEBJOBS_PORT. End what listens there.")


@dataclass(frozen=True, slots=True)
class _Claim:
    port: int
    socket: socket.socket


class Ports:
    """Gives each job a port, and the same one again as long as no other process has taken it.

    A port is claimed by an abstract socket address of its number: no other runner of this machine gives it
    to a job, whether or not the script listens already, and the claim goes with this process.
    """

    def __init__(self, instance_id: str) -> None:
        self._instance_id = instance_id
        self._claims: dict[JobName, _Claim] = {}

    def take(self, job_name: JobName) -> int:
        """The port for the next start of a job's script: nothing listens there at the moment.

        Raises:
            NoPortFree: There is none.
        """
        claim = self._claims.get(job_name)
        if claim is not None:
            if _is_free(claim.port):
                return claim.port
            self.give_back(job_name)
        preferred = zlib.crc32(f"{self._instance_id}/{job_name}".encode())
        for step in range(_COUNT):
            claim = _claimed(_FIRST + (preferred + step) % _COUNT)
            if claim is None:
                continue
            if _is_free(claim.port):
                self._claims[job_name] = claim
                return claim.port
            claim.socket.close()
        raise NoPortFree

    def give_back(self, job_name: JobName) -> None:
        """The job needs its port no more."""
        claim = self._claims.pop(job_name, None)
        if claim is not None:
            claim.socket.close()


def _claimed(port: int) -> _Claim | None:
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0webjobs-port/{port}")
    except OSError:
        name.close()
        return None
    return _Claim(port, name)


def _is_free(port: int) -> bool:
    """Whether a script could listen there, on any address; also one that does not set SO_REUSEADDR."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
