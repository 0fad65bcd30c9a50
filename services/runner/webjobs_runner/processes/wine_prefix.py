r"""Wine prefixes: every Windows script gets one of its own, made in a moment from a template.

Programs that share a prefix share one Wine server, which the first of them starts and which ends with it.
So no two scripts may share one. What is large and never changes (`C:\windows`) is a link to the template.
"""

import asyncio
import secrets
import shutil
from pathlib import Path

from webjobs_rules.wine import wine_environment

from webjobs_runner.errors import WineUnusable
from webjobs_runner.log import logger
from webjobs_runner.processes.process import Launcher

_OWN_FILES = ("system.reg", "user.reg", "userdef.reg", ".update-timestamp")
_OWN_FOLDER = "users"
_DRIVE_C = "drive_c"
_DRIVES = "dosdevices"
# The server writes the registry when it ends, so wait for that before the template is used.
_MAKE = '"$0" wineboot --init; code=$?; wineserver -k; wineserver -w; exit $code'
_NO_QUESTIONS = "mscoree=;mshtml="  # Wine would offer to download .NET and a browser
_PATIENCE_SECONDS = 120.0


class WinePrefixes:
    """Makes prefixes, and once for each release of Wine the template.

    Args:
        templates: Folder of the templates, kept from boot to boot; runners may share it.
        prefixes: Folder of the prefixes in use.
        instance_id: Of this runner.
    """

    def __init__(self, templates: Path, prefixes: Path, instance_id: str, launcher: Launcher) -> None:
        self._templates = templates
        self._prefixes = prefixes
        self._instance_id = instance_id
        self._launcher = launcher
        self._making = asyncio.Lock()

    def new_path(self) -> Path:
        """Returns an unused path for a prefix."""
        return self._prefixes / secrets.token_hex(6)

    async def make(self, prefix: Path, wine: str, search_path: str) -> None:
        """Make a prefix; the first time that takes some ten seconds, then milliseconds.

        Args:
            prefix: From `new_path`; the caller deletes it.
            wine: Path of the program.
            search_path: PATH that finds the programs Wine comes with.

        Raises:
            WineUnusable: The template could not be made.
        """
        # An upgrade brings another file, and a template of its own.
        template = self._templates / f"{Path(wine).resolve().stat().st_mtime_ns:x}"
        async with self._making:
            if not template.is_dir():
                await self._make_template(template, wine, search_path)
        await asyncio.to_thread(_copy, template, prefix)

    async def _make_template(self, template: Path, wine: str, search_path: str) -> None:
        work = self._templates / f".{self._instance_id}"
        await asyncio.to_thread(shutil.rmtree, work, True)
        work.mkdir(parents=True)
        logger.info("preparing wine, once", template=str(template))
        environment = {"PATH": search_path, "WINEDLLOVERRIDES": _NO_QUESTIONS}
        output = bytearray()
        process = await self._launcher.spawn(
            ("/bin/sh", "-c", _MAKE, wine),
            cwd=str(work),
            env=wine_environment(environment, str(work)),
            on_stdout=output.extend,
            on_stderr=output.extend,
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                ended = await process.wait()
        except BaseException as error:
            process.kill()
            await process.wait()
            if isinstance(error, TimeoutError):
                raise WineUnusable(wine, f"no answer in {_PATIENCE_SECONDS:g} s") from error
            raise
        if ended.exit_code != 0 or not (work / _DRIVE_C).is_dir():
            raise WineUnusable(wine, output.decode("utf-8", "replace").strip()[-500:] or "it says nothing")
        try:
            work.rename(template)
        except OSError:  # another runner was faster
            await asyncio.to_thread(shutil.rmtree, work, True)


def _copy(template: Path, prefix: Path) -> None:
    (prefix / _DRIVE_C).mkdir(parents=True)
    (prefix / _DRIVES).mkdir()
    (prefix / _DRIVES / "c:").symlink_to(Path("..", _DRIVE_C))
    (prefix / _DRIVES / "z:").symlink_to("/")
    for name in _OWN_FILES:
        shutil.copy2(template / name, prefix / name)
    for entry in (template / _DRIVE_C).iterdir():
        if entry.name == _OWN_FOLDER:
            shutil.copytree(entry, prefix / _DRIVE_C / entry.name, symlinks=True)
        else:
            (prefix / _DRIVE_C / entry.name).symlink_to(entry)
