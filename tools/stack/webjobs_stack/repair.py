"""Rebuilds the history of a data folder from its events, in a new database if the old one is damaged."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from webjobs_stack.environment import public_variables
from webjobs_stack.errors import DataFolderUnusable, DidNotStart, HistoryNotRepaired
from webjobs_stack.folder import DataFolder
from webjobs_stack.history_command import REFUSED, HistoryCommand
from webjobs_stack.nats_config import NatsLogins
from webjobs_stack.nats_server import NatsServer
from webjobs_stack.postgres import Postgres
from webjobs_stack.stack import namespace_of

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RepairOptions:
    """What `webjobs repair history` was asked for.

    Attributes:
        data: The data folder.
        environment: The caller's variables: WEBJOBS_NATS_URL and WEBJOBS_DATABASE_URL name other servers than
            the embedded ones.
        rebuild: Options of the rebuild, such as `--force`.
        history_module: Run as `python -m`.
    """

    data: Path
    environment: Mapping[str, str]
    rebuild: Sequence[str] = ()
    history_module: str = "webjobs_history"


async def repair_history(options: RepairOptions, report: Report) -> None:
    """Rebuild the history; the stack must not run on this folder.

    An embedded cluster that does not start, or in which the rebuild fails, is moved aside and kept; the
    rebuild goes into a new one.

    Raises:
        DataFolderUnusable: There is no such folder.
        DataFolderInUse: A stack runs on the folder.
        HistoryNotRepaired: The rebuild was refused or failed; what was moved aside is back in its place.
        WebJobsError: A server could not start.
    """
    folder = DataFolder(options.data)
    if not folder.path.is_dir():
        raise DataFolderUnusable(folder.path, "it does not exist")
    async with AsyncExitStack() as stack:
        lock = await folder.lock(lambda: report("Waiting for the last processes of a killed stack."))
        stack.callback(os.close, lock)
        nats_url = options.environment.get("WEBJOBS_NATS_URL", "")
        if not nats_url:
            nats = NatsServer(
                folder.nats,
                logins=NatsLogins(),
                namespace=namespace_of(options.environment),
                environment=public_variables(options.environment),
                keep_open=[lock],
            )
            stack.push_async_callback(nats.stop)
            await nats.start()
            nats_url = nats.url_of("history")
        if database_url := options.environment.get("WEBJOBS_DATABASE_URL", ""):
            code = await _rebuild(options, nats_url, database_url)
        else:
            postgres = Postgres(folder.postgres, keep_open=[lock])
            stack.push_async_callback(postgres.stop)
            code = await _rebuild_embedded(options, nats_url, postgres, report)
    if code != 0:
        raise HistoryNotRepaired(code == REFUSED)
    report("History is rebuilt.")


async def _rebuild_embedded(options: RepairOptions, nats_url: str, postgres: Postgres, report: Report) -> int:
    """Rebuild in the cluster there is, or else in a new one; returns the exit code of the rebuild."""
    try:
        await postgres.start()
    except DidNotStart as error:
        report(f"The database does not start: {error.reason}.")
    else:
        code = await _rebuild(options, nats_url, postgres.url)
        if code in (0, REFUSED):
            return code
        await postgres.stop()
    aside = postgres.set_aside()
    report(f"The damaged database is kept in {aside}; a new one is made.")
    try:
        await postgres.start()
        code = await _rebuild(options, nats_url, postgres.url)
    except BaseException:
        await postgres.stop()
        postgres.put_back(aside)
        raise
    if code != 0:
        await postgres.stop()
        postgres.put_back(aside)
    return code


async def _rebuild(options: RepairOptions, nats_url: str, database_url: str) -> int:
    arguments = ["rebuild", "--recreate-tables", *options.rebuild]
    command = HistoryCommand(options.environment, options.history_module, arguments)
    return await command.run(nats_url, database_url)
