"""Backs up a running stack into a file, and restores such a file into a data folder that no stack runs on."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from webjobs_stack.environment import public_variables
from webjobs_stack.errors import NoStackRuns
from webjobs_stack.folder import DataFolder
from webjobs_stack.history_command import REFUSED, HistoryCommand
from webjobs_stack.nats_config import NatsLogins
from webjobs_stack.nats_server import NatsServer
from webjobs_stack.postgres import Postgres
from webjobs_stack.stack import namespace_of


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """What `webjobs backup` or `webjobs restore` was asked for.

    Attributes:
        file: Of the backup.
        data: The data folder.
        environment: The caller's variables: WEBJOBS_NATS_URL and WEBJOBS_DATABASE_URL name other servers than
            the embedded ones; the user of NATS must be an operator then.
        replace: Whether a backup replaces a file.
        history_module: Run as `python -m`.
    """

    file: Path
    data: Path
    environment: Mapping[str, str]
    replace: bool = False
    history_module: str = "webjobs_history"


async def back_up(options: BackupOptions) -> int:
    """Back up a running stack; returns the exit code.

    Raises:
        NoStackRuns: No stack runs on this folder.
    """
    folder = DataFolder(options.data)
    nats_url = options.environment.get("WEBJOBS_NATS_URL", "")
    if not nats_url:
        try:
            nats_url = folder.operator_url.read_text().strip()
        except OSError as error:
            raise NoStackRuns(folder.path) from error
    arguments = ["backup", str(options.file.absolute()), *(["--force"] if options.replace else [])]
    return await _command(options, arguments).run(nats_url)


async def restore(options: BackupOptions, report: Callable[[str], None]) -> int:
    """Restore a backup; the stack must not run on this folder. Returns the exit code.

    Raises:
        DataFolderInUse: A stack runs on the folder.
        WebJobsError: A server could not start.
    """
    folder = DataFolder(options.data)
    environment = options.environment
    nats_url, database_url = (
        environment.get(name, "") for name in ("WEBJOBS_NATS_URL", "WEBJOBS_DATABASE_URL")
    )
    async with AsyncExitStack() as stack:
        is_embedded = not (nats_url and database_url)
        if is_embedded:
            folder.make()
            lock = await folder.lock(lambda: report("Waiting for the last processes of a killed stack."))
            stack.callback(os.close, lock)
        if not nats_url:
            nats = NatsServer(
                folder.nats,
                logins=NatsLogins(),
                namespace=namespace_of(environment),
                environment=public_variables(environment),
                keep_open=[lock],
            )
            stack.push_async_callback(nats.stop)
            await nats.start()
            nats_url = nats.url_of("operator")
        if not database_url:
            postgres = Postgres(folder.postgres, keep_open=[lock])
            stack.push_async_callback(postgres.stop)
            await postgres.start()
            database_url = postgres.url
        was_unfinished = folder.unfinished_restore.exists()
        if is_embedded:
            folder.unfinished_restore.touch()
        command = _command(options, ["restore", str(options.file.absolute())])
        code = await command.run(nats_url, database_url)
        if code == 0 or (code == REFUSED and not was_unfinished):
            folder.unfinished_restore.unlink(missing_ok=True)
        return code


def _command(options: BackupOptions, arguments: Sequence[str]) -> HistoryCommand:
    return HistoryCommand(options.environment, options.history_module, arguments, log_level="warning")
