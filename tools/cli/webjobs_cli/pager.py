"""Shows long output by the program in PAGER."""

import contextlib
import os
import subprocess
from collections.abc import Iterable


def page(pager: str, lines: Iterable[str]) -> None:
    """Write the lines to the pager and wait until it is closed."""
    environment = {"LESS": "FRX", **os.environ}
    with subprocess.Popen(pager, shell=True, stdin=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None
        # Closed before its end: what is left is not wanted.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.writelines(f"{line}\n" for line in lines)
            process.stdin.close()
