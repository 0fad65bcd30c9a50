"""Huey's task that runs a script; see peers.py, which starts the workers and calls `main`."""

import os
import subprocess

import producer
from huey import RedisHuey

huey = RedisHuey("peer", url=os.environ["PEER_REDIS"])


def _run(script: str) -> tuple[int, str]:
    done = subprocess.run(["bash", script], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


run = huey.task(name="run")(_run)

if __name__ == "__main__":
    # As a program this module has another name than for the workers; the tasks carry the name of theirs.
    from huey_tasks import run as imported

    producer.main(imported, lambda redis: redis.hlen("huey.results.peer"))
