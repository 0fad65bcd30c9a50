"""Which processes live, found by a marker in their environment."""

from pathlib import Path


def processes_with(marker: str) -> list[int]:
    """Pids of living processes whose environment contains the marker."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker.encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


def processes_working_in(folder: Path) -> list[int]:
    """Pids of living processes with this folder in their command line or as working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            if str(folder) in command or str((process / "cwd").readlink()).startswith(str(folder)):
                found.append(int(process.name))
        except OSError:
            continue
    return found
