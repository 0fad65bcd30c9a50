"""App settings: the environment at start, overlaid by the settings bucket, current at every moment."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from webjobs_rules.app_settings import fits_environment, is_true

from webjobs_events.jetstream.entry import Entry
from webjobs_events.jetstream.mirror import BucketMirror
from webjobs_events.log import logger


class LiveSettings:
    """Reads settings by name; a value in the bucket beats one of the environment.

    Args:
        environment: Values at start.
        mirror: Of the settings bucket; keys are the settings' names.
    """

    def __init__(self, environment: Mapping[str, str], mirror: BucketMirror) -> None:
        self._environment = environment
        self._mirror = mirror
        self._reported: frozenset[str] = frozenset()

    def get(self, name: str) -> str | None:
        """A setting's text; None when it is set nowhere."""
        entry = self._mirror.get(name)
        return entry.value.decode("utf-8", "replace") if entry else self._environment.get(name)

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        """A setting as a number of at least `least`; anything else counts as not set, with a warning."""
        text = self.get(name)
        if text is None or not text.strip():
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value < float("inf"):
            logger.warning("setting ignored: not a number in range", name=name, least=least, used=default)
            return default
        return value

    def integer(self, name: str, default: int, *, least: int = 0) -> int:
        """A setting as a whole number of at least `least`; fractions are cut off."""
        return int(self.number(name, default, least=least))

    def flag(self, name: str) -> bool:
        """Returns whether a setting is `1` or `true`. Source: docs/compatibility.md#settings."""
        return is_true(self.get(name))

    def stored(self) -> Mapping[str, str]:
        """All settings of the bucket."""
        return MappingProxyType(
            {name: entry.value.decode("utf-8", "replace") for name, entry in self._mirror.entries.items()}
        )

    def app_settings(self) -> Mapping[str, str]:
        """The settings that are part of every job's environment: all that a process can have."""
        found = self.stored()
        unfit = [name for name, value in found.items() if not fits_environment(name, value)]
        if not unfit:
            return found
        for name in self._reported.symmetric_difference(unfit):
            logger.error("app setting left out of the environment of jobs", name=name[:200])
        self._reported = frozenset(unfit)
        return MappingProxyType({name: value for name, value in found.items() if name not in self._reported})

    async def reached(self, revision: int) -> None:
        """Wait until a change of the bucket is to be seen here."""
        await self._mirror.reached(revision)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the name of each setting that changes from now on."""

        def notify(name: str, _entry: Entry | None) -> None:
            listener(name)

        self._mirror.on_change(notify)
