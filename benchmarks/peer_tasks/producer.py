"""Asks a peer for runs, waits until the result of each is in Redis, and prints the seconds as JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import redis

_POLL_SECONDS = 0.02
_LONGEST = 60.0


def main(run: Callable[[str], Any], results: Callable[[Any], int]) -> None:
    """Arguments of the program: how many runs, and of which script.

    Args:
        run: Asks for a run of a script.
        results: Counts the results in Redis.
    """
    count, script = int(sys.argv[1]), sys.argv[2]
    client = redis.Redis.from_url(os.environ["PEER_REDIS"])
    client.flushdb()
    began, cpu_before = time.perf_counter(), time.process_time()
    for _ in range(count):
        run(script)
    cpu = time.process_time() - cpu_before
    while results(client) < count:
        if time.perf_counter() - began > _LONGEST:
            sys.exit(f"{results(client)} of {count} runs have ended")
        time.sleep(_POLL_SECONDS)
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": cpu}))
