"""What the processes of one start of a script have used, by the kernel's accounting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """CPU time and memory, as `wait4` reports them for each process that the launcher reaps.

    Counted are the main process, the descendants that their parents waited for, and the processes that
    outlived their parents: the launcher adopts and reaps those, those that it kills included. Not counted are
    processes that ended while their parent lived and never waited for them or ignored SIGCHLD, what a script
    has another service do (a container engine, a database), and processes of another user that could not be
    killed.

    Attributes:
        cpu_seconds: User and system time of all of them together.
        peak_memory_bytes: Largest resident memory of a single process; not a sum. The kernel counts from
            the start of a process, which for a moment shares the memory of the launcher: no value is below
            that, some 13 MB.
    """

    cpu_seconds: float
    peak_memory_bytes: int
