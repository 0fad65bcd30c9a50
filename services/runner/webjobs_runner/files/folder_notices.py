"""Waits for changes in watched folders: reported by the kernel where it can, else by polling."""

import asyncio
import errno
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from webjobs_runner.files.inotify import Inotify
from webjobs_runner.files.mounts import is_shared_file_system
from webjobs_runner.log import logger

_BREATH_SECONDS = 0.1  # notices are gathered this long, so that a busy writer does not keep us busy
_LIMIT_REACHED = frozenset({errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})


class FolderNotices:
    """The kernel's notices for one asyncio loop, with a way on when it has none to give.

    On a shared file system, where it does not report what other machines do, and past its limits,
    `is_polling` is true: then it is for the caller to look at the folders again and again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inotify: Inotify | None = None
        self._readable = asyncio.Event()

    @property
    def is_polling(self) -> bool:
        """True when nothing will be reported."""
        return self._inotify is None

    def open(self) -> None:
        """Begin to listen."""
        if is_shared_file_system(self._root):
            logger.info("the site folder is shared with other machines and is polled", folder=str(self._root))
            return
        try:
            self._inotify = Inotify()
        except OSError as fault:
            self._give_up(fault)
        else:
            self._listen()

    def close(self) -> None:
        """Stop listening; closing twice is harmless."""
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def watch(self, folders: Iterable[Path]) -> None:
        """Watch these folders too, each without what lies below it."""
        try:
            for folder in folders:
                if self._inotify is not None:
                    self._inotify.watch(folder)
        except OSError as fault:
            if fault.errno not in _LIMIT_REACHED:
                raise
            self._give_up(fault)

    async def wait(self, timeout_seconds: float) -> list[str] | None:
        """Paths in which something changed, as soon as there are any or the time is up.

        None when notices were lost, so that anything may have changed.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(max(timeout_seconds, 0)):
                await self._readable.wait()
        if not self._readable.is_set() or self._inotify is None:
            return []
        await asyncio.sleep(_BREATH_SECONDS)
        self._readable.clear()
        changed = self.take()
        self._listen()
        return changed

    def take(self) -> list[str] | None:
        """Paths in which something has changed by now; None when notices were lost."""
        if self._inotify is None:
            return []
        notices = list(self._inotify.notices())
        if any(notice.folder is None for notice in notices):
            return None
        return list(
            {f"{notice.folder}/{notice.name}" if notice.name else f"{notice.folder}" for notice in notices}
        )

    def _listen(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._take)

    def _take(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
        self._readable.set()

    def _give_up(self, fault: OSError) -> None:
        self.close()
        logger.warning(
            "the kernel cannot watch the folders of jobs, which are polled instead",
            fault=str(fault),
            advice="raise fs.inotify.max_user_watches and fs.inotify.max_user_instances",
        )
