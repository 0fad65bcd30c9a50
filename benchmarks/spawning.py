"""Starts a program many times over with as little as possible around it: the yardstick of throughput."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_SOURCE = Path(__file__).with_name("spawn_loop.c")


class SpawnLoop:
    """Two parents in C; without a C compiler, two parents in Python that call posix_spawn."""

    def __init__(self, folder: Path, parents: int = 2) -> None:
        self._parents = parents
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        self.name = f"posix_spawn in {'C' if compiler else 'Python: no C compiler here'}, {parents} parents"
        program = folder / "spawn_loop"
        if compiler:
            subprocess.run([compiler, "-O2", "-o", program, _SOURCE], check=True)
            self._command = [str(program)]
        else:
            self._command = [sys.executable, "-I", "-S", __file__]

    def rate(self, runs: int, command: Sequence[str]) -> float:
        """Runs a second of a command."""
        began = time.perf_counter()
        subprocess.run([*self._command, str(self._parents), str(runs), *command], check=True)
        return runs / (time.perf_counter() - began)


def main() -> int:
    """The same as spawn_loop.c."""
    parents, runs, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    program = shutil.which(command[0])
    assert program is not None
    for parent in range(parents):
        if os.fork() == 0:
            os._exit(_spawn_all(runs // parents + (parent < runs % parents), program, command))
    return int(any(os.wait()[1] for _ in range(parents)))


def _spawn_all(runs: int, program: str, command: list[str]) -> int:
    null = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    for _ in range(runs):
        child = os.posix_spawn(program, command, os.environ, file_actions=null)
        if os.waitpid(child, 0)[1] != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
