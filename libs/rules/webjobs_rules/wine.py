"""The environment of a Windows script under Wine: its own prefix, and paths as Windows writes them."""

from collections.abc import Mapping

PREFIX_VARIABLE = "WINEPREFIX"
_PATHS = (
    "WEBJOBS_PATH",
    "WEBJOBS_DATA_PATH",
    "WEBJOBS_PROGRESS_FILE",
    "WEBJOBS_RESULT_FILE",
    "WEBJOBS_SHUTDOWN_FILE",
    "WEBROOT_PATH",
)

_OWN_PROCESSES = frozenset(
    {
        "conhost.exe",
        "explorer.exe",
        "plugplay.exe",
        "rpcss.exe",
        "services.exe",
        "svchost.exe",
        "wineboot.exe",
        "winedevice.exe",
        "wineserver",
        "wineserver64",
    }
)


def is_wines_own(process: str) -> bool:
    """Whether a process left over, `name (pid)`, is part of Wine: no script has to answer for it."""
    return process.partition(" ")[0] in _OWN_PROCESSES


def windows_path(path: str) -> str:
    r"""An absolute path as Windows programs see it: `/home/a` is `Z:\home\a`, for Wine's Z: is `/`."""
    return "Z:" + path.replace("/", "\\")


def wine_environment(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The environment of a Windows script.

    Args:
        environment: As a script of another type gets it; what it says about Wine is kept.
        prefix: Absolute path of the Wine prefix.
    """
    paths = {name: windows_path(environment[name]) for name in _PATHS if environment.get(name)}
    quiet = {"WINEDEBUG": "-all"}  # else Wine writes its own messages to the script's standard error
    # A user who is unknown to the system has no home, without which Wine crashes.
    homely = {"HOME": prefix, **quiet, PREFIX_VARIABLE: prefix}
    # Here Wine keeps its server's socket: with the prefix it is gone.
    return {**homely, **environment, **paths, "TMPDIR": prefix}
