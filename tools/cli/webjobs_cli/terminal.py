"""How `webjobs up` looks: progress, then the lines of every service behind its name in its colour."""

import io
import shlex
import shutil
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text
from webjobs_service.colours import has_colours

from webjobs_cli.target import DEFAULT_URL

_COLOURS = ("cyan", "magenta", "blue", "yellow", "bright_cyan", "bright_magenta", "bright_blue")
_NAME_WIDTH = 9


class Terminal:
    """Writes what the stack announces; coloured on a terminal, see `has_colours`."""

    def __init__(self, output: TextIO | None = None) -> None:
        """Write to the standard output by default."""
        self._output = output or sys.stdout
        if isinstance(self._output, io.TextIOWrapper):
            # Names of files and lines of services may hold characters that the terminal's encoding lacks.
            self._output.reconfigure(errors="backslashreplace")
        # Rendered apart from the output: rich ends the program when its own output is closed.
        self._rendered = io.StringIO()
        self._console = Console(
            file=self._rendered, force_terminal=has_colours(self._output), highlight=False, soft_wrap=True
        )
        self._prefixes: dict[str, str] = {}
        self._is_read = True

    def starting(self, name: str, why: str) -> None:
        """A part takes some time to start."""
        self._progress("…", "dim", name, f"starting: {why}" if why else "starting")

    def ready(self, name: str, seconds: float, address: str) -> None:
        """A part can be used."""
        self._progress("✓", "green", name, f"ready in {seconds:.1f} s on {address}")

    def unready(self, name: str, seconds: float, why: str) -> None:
        """A part runs and waits for another."""
        self._progress("!", "yellow", name, f"runs since {seconds:.1f} s, but is not ready: {why}")

    def uses(self, name: str, address: str) -> None:
        """An external server is used."""
        self._progress("✓", "green", name, f"using {address}")

    def died(self, name: str, how: str, restart_in_seconds: float) -> None:
        """A part is started again."""
        self._progress("✗", "red", name, f"{how}; starting it again in {restart_in_seconds:g} s")

    def stopped(self, name: str, seconds: float) -> None:
        """A part ended as asked."""
        self._progress("■", "dim", name, f"stopped in {seconds:.1f} s")

    def waiting_for_a_killed_stack(self, folder: Path) -> None:
        """An earlier stack's processes are still ending."""
        self._write(Text(f"… the processes of a killed `webjobs up` on {folder} are ending"))

    def output(self, name: str, line: str) -> None:
        """A service's line. Not styled again for each: there can be many thousands."""
        prefix = self._prefixes.get(name)
        if prefix is None:
            prefix = self._prefixes[name] = self._prefix(name)
        self._raw(f"{prefix}{line}\n")

    def welcome(self, url: str, jobs: Path, login: bool, missing: Sequence[str] = ()) -> None:
        """Jobs can run: what to do next, and which parts are missing."""
        curl = "curl -u $WEBJOBS_USERNAME:$WEBJOBS_PASSWORD" if login else "curl"
        job = f"{url}/api/jobs/triggered/hello"
        webjobs = called_as(sys.argv[0]) + ("" if url == DEFAULT_URL else f" --url {url}")
        self._write(
            Text.assemble(
                "\nwebjobs is ready: ",
                (url, "bold underline"),
                (f"\nNot ready: {', '.join(missing)}; the lines above say why." if missing else "", "yellow"),
                f"\nDrop jobs into {jobs}/{{triggered,continuous}}/<name>/",
                "\nor put a script there and run it, with curl:",
                (
                    f"\n  echo 'echo hello' |"
                    f" {curl} -T - -H 'Content-Disposition: attachment; filename=run.sh' {job}"
                    f"\n  {curl} -X POST {job}/run",
                    "bold",
                ),
                "\nor with this command line:",
                (
                    "\n  echo 'echo hello' > hello.sh"
                    f"\n  {webjobs} deploy hello.sh && {webjobs} run hello --follow",
                    "bold",
                ),
                "\nCtrl-C stops everything.\n",
            )
        )

    def stopping(self) -> None:
        """The first signal came."""
        self._write(Text("\nStopping; once more to hurry."))

    def close(self) -> None:
        """Nothing more will be announced."""

    def _prefix(self, name: str) -> str:
        text = Text.assemble((name.ljust(_NAME_WIDTH), _colour(name)), ("│ ", "dim"))
        return self._render(text, "")

    def _progress(self, mark: str, colour: str, name: str, message: str) -> None:
        self._write(Text.assemble((mark, colour), " ", (name.ljust(_NAME_WIDTH), _colour(name)), message))

    def _write(self, text: Text) -> None:
        self._raw(self._render(text, "\n"))

    def _render(self, text: Text, end: str) -> str:
        self._console.print(text, end=end)
        rendered = self._rendered.getvalue()
        self._rendered.seek(0)
        self._rendered.truncate()
        return rendered

    def _raw(self, text: str) -> None:
        if not self._is_read:
            return
        try:
            self._output.write(text)
            self._output.flush()
        except OSError:
            # No reader is left; the services go on.
            self._is_read = False


def called_as(program: str) -> str:
    """How a person calls this command line from this folder: by its name where the shell finds it so."""
    found = shutil.which("webjobs")
    if Path(program).name != "webjobs" or (found and Path(found).absolute() == Path(program).absolute()):
        return "webjobs"
    return shlex.quote(program)


def _colour(name: str) -> str:
    return _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]
