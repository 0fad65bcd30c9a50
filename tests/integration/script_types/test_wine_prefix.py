"""Wine prefixes, made by a stand-in for Wine: it need not be installed to see that none is shared."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from webjobs_runner.errors import WineUnusable
from webjobs_runner.processes.process import Launcher
from webjobs_runner.processes.wine_prefix import WinePrefixes

INSTANCE = "a1b2c3"
MAKES_A_PREFIX = """#!/bin/sh
echo made >> "$(dirname "$0")/made"
mkdir -p "$WINEPREFIX/drive_c/windows" "$WINEPREFIX/drive_c/users/ada"
echo dll > "$WINEPREFIX/drive_c/windows/large.dll"
for name in system.reg user.reg userdef.reg .update-timestamp; do echo "$name" > "$WINEPREFIX/$name"; done
"""


@pytest_asyncio.fixture
async def launcher() -> AsyncIterator[Launcher]:
    async with Launcher(INSTANCE) as started:
        yield started


class Installed:
    """A program called wine in a folder, and prefixes made with it."""

    def __init__(self, folder: Path, launcher: Launcher, wine: str) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name, text in {"wine": wine, "wineserver": "#!/bin/sh\n"}.items():
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        self.templates = folder / "templates"
        self.prefixes = WinePrefixes(self.templates, folder / "prefixes", INSTANCE, launcher)

    async def make(self) -> Path:
        prefix = self.prefixes.new_path()
        search_path = f"{self.programs}:{os.defpath}"
        await self.prefixes.make(prefix, str(self.programs / "wine"), search_path)
        return prefix

    @property
    def times_made(self) -> int:
        return (self.programs / "made").read_text().count("made")


async def test_every_prefix_is_its_own_but_for_what_is_large(tmp_path: Path, launcher: Launcher) -> None:
    wine = Installed(tmp_path, launcher, MAKES_A_PREFIX)
    first, second = await asyncio.gather(wine.make(), wine.make())
    assert wine.times_made == 1
    assert first != second
    (first / "system.reg").write_text("changed")
    (first / "drive_c" / "users" / "ada" / "note").write_text("mine")
    assert (second / "system.reg").read_text() == "system.reg\n"
    assert not (second / "drive_c" / "users" / "ada" / "note").exists()
    assert (second / "drive_c" / "windows").is_symlink()
    assert (second / "dosdevices" / "c:" / "windows" / "large.dll").read_text() == "dll\n"
    assert (second / "dosdevices" / "z:").resolve() == Path("/")


async def test_a_new_release_of_wine_gets_a_new_template(tmp_path: Path, launcher: Launcher) -> None:
    wine = Installed(tmp_path, launcher, MAKES_A_PREFIX)
    await wine.make()
    os.utime(wine.programs / "wine", (1, 1))
    await wine.make()
    assert wine.times_made == 2
    assert len(list(wine.templates.iterdir())) == 2


async def test_a_wine_that_does_not_come_up_is_told_with_its_own_words_and_tried_again(
    tmp_path: Path, launcher: Launcher
) -> None:
    wine = Installed(tmp_path, launcher, "#!/bin/sh\necho no memory >&2; exit 3\n")
    with pytest.raises(WineUnusable, match="could not be prepared: no memory"):
        await wine.make()
    changed = wine.programs / "wine"
    changed.write_text(MAKES_A_PREFIX)
    assert (await wine.make()).is_dir()
