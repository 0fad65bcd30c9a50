"""How many bytes of logs are kept."""

import math
from collections.abc import Callable

from webjobs_events.jetstream import LiveSettings

from webjobs_runner.logs.log_file import MAX_LOG_BYTES, LogFile
from webjobs_runner.logs.spool_file import unlimited

_DEFAULT_BYTES = 1024 * 1024 * 1024


class LogCap:
    """The setting WEBJOBS_MAX_LOG_BYTES: a limit for the log files of one run, or of one continuous job.

    Args:
        settings: Where the setting is.
        disk_room: Bytes that all logs together may still take from the disk.
    """

    __slots__ = ("_disk_room", "_settings")

    def __init__(self, settings: LiveSettings, disk_room: Callable[[], float] = unlimited) -> None:
        self._settings = settings
        self._disk_room = disk_room

    def bytes(self) -> float:
        """Returns the limit as it is now; infinity when there is none."""
        return self._settings.integer(MAX_LOG_BYTES, _DEFAULT_BYTES) or math.inf

    def limit(self, *files: LogFile) -> None:
        """Let these files together have no more bytes than that."""

        def room() -> float:
            return self.bytes() - sum(each.bytes_on_disk for each in files)

        for file in files:
            file.disk_room = self._disk_room
            file.room = room
