"""What a version of a job consists of, and the digest that names it."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from webjobs_rules.job_folder import readable_paths
from webjobs_rules.left_out import LeftOut, Why


@dataclass(frozen=True, slots=True, order=True)
class PackagedFile:
    """One file: where it lies (relative, `/` between parts), whether it may be executed, what it holds."""

    path: str
    executable: bool
    size: int
    sha256: str

    @property
    def mode(self) -> int:
        """The permissions it is written with."""
        return 0o755 if self.executable else 0o644


@dataclass(frozen=True, slots=True, order=True)
class PackagedLink:
    """A symbolic link that stays inside the job's folder, with its target as it is written."""

    path: str
    target: str


@dataclass(frozen=True)
class Manifest:
    """What a version of a job consists of, in the order of paths; equal versions have equal manifests.

    `left_out` is what the folder held besides, and no part of the version.
    """

    files: tuple[PackagedFile, ...]
    empty_folders: tuple[str, ...]
    links: tuple[PackagedLink, ...] = ()
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 that names the version; independent of times, owners and the order of creation."""
        seen = hashlib.sha256(b"webjobs package 1\n")
        for folder in self.empty_folders:
            seen.update(b"folder\0" + folder.encode() + b"\0")
        for file in self.files:
            facts = f"{file.path}\0{file.mode:o}\0{file.size}\0{file.sha256}\0"
            seen.update(b"file\0" + facts.encode())
        for link in self.links:
            seen.update(b"link\0" + f"{link.path}\0{link.target}\0".encode())
        return seen.hexdigest()

    @cached_property
    def readable_paths(self) -> tuple[str, ...]:
        """Paths of the files, and of the links that lead to one."""
        return readable_paths(
            (file.path for file in self.files), ((link.path, link.target) for link in self.links)
        )

    @property
    def is_something(self) -> bool:
        """Whether the folder held more than folders and what macOS or Windows add."""
        return bool(self.files or self.links or any(item.why is not Why.LITTER for item in self.left_out))

    @property
    def all_paths(self) -> tuple[str, ...]:
        """Paths of all that there is; those of empty folders end with `/`."""
        paths = (item.path for items in (self.files, self.links) for item in items)
        return (*paths, *(f"{path}/" for path in self.empty_folders))
