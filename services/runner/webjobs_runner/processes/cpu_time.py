"""How much CPU time a run's processes have used."""

import psutil

from webjobs_runner.processes.process_tree import processes_of_run


def cpu_seconds_of_tree(pid: int) -> float:
    """Answer the CPU time of a run: of its main process, of all it started, and of those already gone.

    Detached processes count as well: they bear the run's tag. What vanishes while we look counts nothing.
    """
    return sum(map(_cpu_seconds, processes_of_run(pid)))


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system
