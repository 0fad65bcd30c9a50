"""Which environment a lock and an interpreter make: its key."""

import hashlib
from dataclasses import dataclass

from webjobs_rules.dependencies.policy import DependencyPolicy

_LAYOUT = 1
"""Raised when environments are built in another way, so that none of an earlier release is used."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program that runs scripts, and what packages depend on of it.

    Attributes:
        path: Absolute, links resolved.
        implementation: Such as `cpython` or `node`.
        version: Whole, such as `3.12.1`.
        abi: What binary packages are built for, such as `cpython-312-x86_64-linux-gnu`.
        libc: Such as `glibc-2.36`.
    """

    path: str
    implementation: str
    version: str
    abi: str
    libc: str

    @property
    def name(self) -> str:
        """For people, such as `cpython 3.12.1`."""
        return f"{self.implementation} {self.version}"


def environment_key(lock_digest: str, interpreter: Interpreter, policy: DependencyPolicy) -> str:
    """Hex SHA-256 that names the environment of a lock for an interpreter.

    The path of the interpreter is in it: an environment links to it, so that runners which share a folder
    and have one version in two places need two environments.
    """
    facts = (
        lock_digest,
        interpreter.path,
        interpreter.implementation,
        interpreter.version,
        interpreter.abi,
        interpreter.libc,
        policy.text,
        str(_LAYOUT),
    )
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def digest_of(lock: str) -> str:
    """Hex SHA-256 of a lock."""
    return hashlib.sha256(lock.encode()).hexdigest()
