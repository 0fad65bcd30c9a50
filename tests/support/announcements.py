"""Remembers what a stack announced."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Announcements:
    """An announcer that a test can ask what it heard."""

    events: list[tuple[str, str]] = field(default_factory=list)
    """What happened and to whom, in order."""
    lines: dict[str, list[str]] = field(default_factory=dict)
    """What each service wrote."""
    ends: list[str] = field(default_factory=list)
    """How those ended that nobody asked to end."""
    pauses: list[float] = field(default_factory=list)
    """Seconds until each of these is started again."""

    def ready(self, name: str, seconds: float, address: str) -> None:
        self.events.append(("ready", name))

    def unready(self, name: str, seconds: float, why: str) -> None:
        self.events.append(("unready", name))

    def uses(self, name: str, address: str) -> None:
        self.events.append(("uses", f"{name} {address}"))

    def died(self, name: str, how: str, restart_in_seconds: float) -> None:
        self.events.append(("died", name))
        self.ends.append(how)
        self.pauses.append(restart_in_seconds)

    def stopped(self, name: str, seconds: float) -> None:
        self.events.append(("stopped", name))

    def output(self, name: str, line: str) -> None:
        self.lines.setdefault(name, []).append(line)

    def starting(self, name: str, why: str) -> None:
        self.events.append(("starting", name))

    def waiting_for_a_killed_stack(self, folder: Path) -> None:
        self.events.append(("waiting", folder.name))

    def names(self, event: str) -> list[str]:
        return [name for happened, name in self.events if happened == event]

    def credentials_of(self, name: str) -> dict[str, str]:
        """What a toy service was handed when it was last started."""
        told: dict[str, str] = json.loads(self.lines[name][-1])["credentials"]
        return told

    def environment_of(self, name: str) -> dict[str, str]:
        """What a toy service said of its environment when it was last started."""
        told: dict[str, str] = json.loads(self.lines[name][-1])
        return told
