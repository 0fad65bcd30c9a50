"""The environment variables of the programs that install packages: few of those of their starter."""

import posixpath
from collections.abc import Mapping

_PASSED = frozenset(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    for name in (upper, upper.lower())
) | {"PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"}
_PREFIXES = ("UV_", "NPM_CONFIG_")
# Where uv and npm put things is decided here, and so is which Python they use.
_KEPT_BACK = frozenset(
    {
        "UV_CACHE_DIR",
        "UV_CONFIG_FILE",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_TOOL_DIR",
        "UV_WORKING_DIRECTORY",
        "UV_WORKING_DIR",
        "UV_ENV_FILE",
        "UV_LINK_MODE",
        "UV_REQUIRE_HASHES",
        "UV_NO_VERIFY_HASHES",
        "NPM_CONFIG_CACHE",
        "NPM_CONFIG_PREFIX",
        "NPM_CONFIG_USERCONFIG",
        "NPM_CONFIG_GLOBALCONFIG",
    }
)


_PATHS = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"})
_LINKS = "UV_FIND_LINKS"


def tool_environment(base: Mapping[str, str], home: str, cache: str, folder: str) -> dict[str, str]:
    """The environment of uv and npm.

    Args:
        base: Of the process that starts them.
        home: An empty folder.
        cache: The folder of the tools' caches.
        folder: From which relative paths in variables start: the tools run in another one.
    """
    environment = {
        name: value
        for name, value in base.items()
        if value  # a setup may pass on a variable that is not set as an empty one
        and (name in _PASSED or name.upper().startswith(_PREFIXES))
        and name.upper() not in _KEPT_BACK
    }
    for name in _PATHS & environment.keys():
        environment[name] = posixpath.join(folder, environment[name])
    if _LINKS in environment:
        places = (place.strip() for place in environment[_LINKS].split(","))
        environment[_LINKS] = ",".join(
            place if "://" in place else posixpath.join(folder, place) for place in places if place
        )
    environment.setdefault("UV_HTTP_TIMEOUT", "120")
    environment.setdefault("UV_PYTHON_DOWNLOADS", "never")
    return environment | {
        "HOME": home,
        "UV_CACHE_DIR": f"{cache}/uv",
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_NO_CONFIG": "1",
        "NO_COLOR": "1",
        "npm_config_cache": f"{cache}/npm",
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
    }
