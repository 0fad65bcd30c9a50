"""Which release of webjobs this is; pyproject.toml is the one place that says it."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("webjobs")
"""Such as `0.2.0`."""

VERSION_HEADER: Final = "Webjobs-Version"
"""In every response of the api."""
