"""What `doctor` prints with `--json`."""

from typing import Literal

import msgspec

CheckLevel = Literal["ok", "note", "warning", "failed"]


class DoctorCheck(msgspec.Struct, frozen=True):
    """One thing that `doctor` has looked at."""

    id: str
    """A stable word for programs, such as `disk`, `interpreter_bash`, `server_history`."""
    level: CheckLevel
    message: str
    remedy: str = ""
    """What to do; empty when it is good."""
