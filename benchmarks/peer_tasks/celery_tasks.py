"""Celery's task that runs a script; see peers.py, which starts the workers and calls `main`."""

import os
import subprocess

import producer
from celery import Celery

app = Celery("peer", broker=os.environ["PEER_REDIS"], backend=os.environ["PEER_REDIS"])
app.conf.broker_connection_retry_on_startup = True


def _run(script: str) -> tuple[int, str]:
    done = subprocess.run(["bash", script], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


run = app.task(_run, name="run")

if __name__ == "__main__":
    producer.main(run.delay, lambda redis: len(redis.keys("celery-task-meta-*")))
