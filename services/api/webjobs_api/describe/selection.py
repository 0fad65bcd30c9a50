"""Which paths the document of a dialect describes: a generated client has each operation once; pure."""

from collections.abc import Sequence

from webjobs_api.http.dialects import KUDU, LEGACY, dialect_of

NAMES = ("kudu", "legacy", "webjobs")

_KUDU_PATHS = (
    "/api/triggeredwebjobsswagger",
    "/api/vfs",
    "/api/zip",
    "/api/settings",
    "/api/logstream",
    "/api/hooks",
    "/api/zipdeploy",
    "/api/publish",
    "/api/deployments",
    "/diagnostics/runtime",
)
_LEGACY_PATHS = ("/vfs/data/jobs", "/vfs/LogFiles")  # of the logs that the answers of /api/jobs name
_ALIASES = ("/vfs", "/logstream")  # of /api/vfs and /api/logstream


def is_described(path: str, name: str) -> bool:
    """Whether the document of a dialect describes a path.

    Args:
        path: As people write it, such as `/api/jobs/{type}/{job}`.
        name: One of `NAMES`.
    """
    written = path.replace("{type}", "triggered")
    if name == "kudu":
        return KUDU.has(written) or _is_below(path, _KUDU_PATHS)
    if name == "legacy":
        return LEGACY.has(written) or _is_below(path, _LEGACY_PATHS)
    return dialect_of(written) is LEGACY and not _is_below(path, _ALIASES)


def _is_below(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)
