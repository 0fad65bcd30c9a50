"""`webjobs repair history`: in the foreground, until it is done or refused."""

import asyncio
import os
from pathlib import Path

from webjobs_stack import repair


def repair_history(data: Path, *, force: bool, accept_new_stream: bool) -> None:
    """Rebuild the history of a data folder.

    Raises:
        WebJobsError: It was refused, or failed.
    """
    given = {"--force": force, "--accept-new-stream": accept_new_stream}
    rebuild = [name for name, is_given in given.items() if is_given]
    options = repair.RepairOptions(data, dict(os.environ), rebuild)
    asyncio.run(repair.repair_history(options, _say))


def _say(text: str) -> None:
    print(text, flush=True)
