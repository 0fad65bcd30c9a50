"""Runs a command of history, such as `rebuild`, as a process of its own beside no stack or a running one."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webjobs_service.credential_handover import DESCRIPTOR, hand_over

from webjobs_stack.environment import history_spec

REFUSED = 3
"""Exit code of a command of history that was refused and changed nothing."""


@dataclass(frozen=True, slots=True)
class HistoryCommand:
    """A command of history.

    Attributes:
        environment: The caller's variables.
        module: Run as `python -m`.
        arguments: The command and its options.
        log_level: Of what it logs, unless the caller's variables name one.
    """

    environment: Mapping[str, str]
    module: str
    arguments: Sequence[str]
    log_level: str = "info"

    async def run(self, nats_url: str, database_url: str = "") -> int:
        """Run it to its end; what it writes goes where ours does. Returns the exit code.

        Args:
            nats_url: With the user that the command needs.
            database_url: Empty when it needs no database.
        """
        spec = history_spec(self.environment, nats_url, self.module, database_url=database_url, health_port=0)
        credentials = hand_over({name: value for name, value in spec.credentials.items() if value})
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-u", "-m", spec.module, *self.arguments),
                stdin=asyncio.subprocess.DEVNULL,
                env={"WEBJOBS_LOG_LEVEL": self.log_level, **spec.environment, DESCRIPTOR: str(credentials)},
                pass_fds=[credentials],
            )
        finally:
            os.close(credentials)
        try:
            return await process.wait()
        except BaseException:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise
