"""The commands `backup` and `restore`: each from its settings to its exit code."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from webjobs_rules.errors import WebJobsError
from webjobs_service.lifetime import cancellable, leaves, run_service
from webjobs_service.logs import configure_logs
from webjobs_service.settings import ServiceSettings, load_settings_or_exit

from webjobs_history.backup.errors import RestoreRefused
from webjobs_history.backup.format import EVENTS, Manifest
from webjobs_history.backup.restore import restore_backup
from webjobs_history.backup.settings import BackupSettings
from webjobs_history.backup.take import take_backup
from webjobs_history.database import TROUBLES, describe
from webjobs_history.settings import HistorySettings

FAILED = 1
"""Exit code of a backup that was not made, and of a restore that is not done: it is to be run again."""

REFUSED = 3
"""Exit code of a restore that changed nothing."""

_NOT_DONE = "The restore is not done. When the cause is removed, run it again with the same file."


def run_command(arguments: argparse.Namespace) -> int:
    """Run the command that the arguments name; returns the exit code."""
    path = Path(arguments.file).absolute()
    work: Callable[[], Coroutine[Any, Any, Manifest]]
    settings: ServiceSettings
    if arguments.command == "backup":
        settings = taking = load_settings_or_exit(BackupSettings)
        work, did = partial(take_backup, taking, path, replace=arguments.force), "Backed up into"
    else:
        settings = restoring = load_settings_or_exit(HistorySettings)
        work, did = partial(restore_backup, restoring, path), "Restored from"
    configure_logs("history", settings.log_level, settings.log_format)
    code = FAILED

    async def run(stop: asyncio.Event) -> None:
        nonlocal code
        began = time.monotonic()
        working = asyncio.ensure_future(cancellable(work()))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        try:
            manifest = await working
        except asyncio.CancelledError:
            _complain("interrupted; a backup leaves no file, and a restore can be run again")
        except Exception as error:
            causes = leaves(error)
            if not all(isinstance(cause, (WebJobsError, *TROUBLES)) for cause in causes):
                raise
            code = REFUSED if all(isinstance(cause, RestoreRefused) for cause in causes) else FAILED
            for cause in causes:
                _complain(str(cause) if isinstance(cause, WebJobsError) else describe(cause))
            if arguments.command == "restore" and code == FAILED:
                _complain(_NOT_DONE)
        else:
            seconds = time.monotonic() - began
            sys.stdout.write(f"{did} {path}: {_summary(manifest, path)}, {seconds:.1f} s.\n")
            code = 0

    return run_service(run) or code


def _summary(manifest: Manifest, path: Path) -> str:
    """What is in it, in words."""
    events = manifest.members[EVENTS].records
    absent = f", {len(manifest.absent_packages)} packages missing" if manifest.absent_packages else ""
    return (
        f"all until event {manifest.sequence} ({manifest.made_at:%Y-%m-%d %H:%M:%S} UTC), {events} "
        f"events{absent}, "
        f"{path.stat().st_size / 1_000_000:.1f} MB"
    )


def _complain(text: str) -> None:
    sys.stderr.write(f"webjobs: {text}\n")
