"""A new Postgres cluster for each server: initdb, which takes seconds, makes the first, the rest are copies.

Tests of how a cluster is made give their server an empty folder.
"""

import asyncio
import fcntl
import subprocess
from pathlib import Path

from webjobs_stack.postgres_cluster import Cluster

_shared: list[Path] = []


def share_clusters_in(folder: Path) -> None:
    """Name the folder where the first who needs it makes the cluster; all processes of a session name one."""
    _shared[:] = [folder]


async def put_cluster(folder: Path) -> None:
    """Give a server's folder a cluster as initdb leaves it; one that has a cluster stays as it is."""
    await asyncio.to_thread(_put_cluster, folder)


def _put_cluster(folder: Path) -> None:
    if (folder / "cluster").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = _made_once(_shared[0])
    subprocess.run(["cp", "--archive", "--reflink=auto", made, folder / "cluster"], check=True)


def _made_once(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder / "postgres", is_synced=False)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cluster.data.exists():
            asyncio.run(cluster.prepare())
    return cluster.data
