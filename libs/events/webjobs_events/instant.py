"""The type of every instant in a message: aware, so that no reader has to guess its zone."""

from datetime import datetime
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""Written in UTC by us; a message whose instant has no offset is refused."""
