"""The environment variables that a backup reads; a restore reads those of history."""

from webjobs_service.settings import ServiceSettings


class BackupSettings(ServiceSettings):
    """What a backup needs to know. The user of NATS must be an operator, who may do everything."""
