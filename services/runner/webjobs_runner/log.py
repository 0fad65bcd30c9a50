"""The runner's own logger."""

from typing import Any

import structlog

logger: Any = structlog.get_logger("webjobs.runner")
