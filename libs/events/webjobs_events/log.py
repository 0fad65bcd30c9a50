"""The logger of this library."""

from typing import Any

import structlog

logger: Any = structlog.get_logger("webjobs.events")
