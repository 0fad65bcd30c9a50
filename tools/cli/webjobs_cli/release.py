"""Which release of webjobs this is."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The version of the distribution that is installed: `webjobs`, or `webjobs-client` alone."""
    try:
        return version("webjobs")
    except PackageNotFoundError:
        return version("webjobs-client")
