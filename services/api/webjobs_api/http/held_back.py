"""Which setting of the site keeps every schedule from starting runs."""

from webjobs_events.jetstream import LiveSettings

_SETTINGS = ("WEBJOBS_STOPPED", "WEBJOBS_DISABLE_SCHEDULE")


def holding_schedules(settings: LiveSettings) -> str | None:
    """Name of the setting that holds schedules back; None when none does."""
    return next((name for name in _SETTINGS if settings.flag(name)), None)
