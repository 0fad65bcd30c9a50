"""The environment variables that history reads."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator
from webjobs_service.credentials import refuse_bad_port, refuse_unescaped_credentials
from webjobs_service.settings import ServiceSettings

POSTGRES_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


class HistorySettings(ServiceSettings):
    """What history needs to know at its start."""

    database_url: str = Field(
        repr=False,
        description="Where Postgres is: postgresql://user:password@host:port/database.",
    )
    health_host: str = Field(
        default="127.0.0.1",
        description="Address on which /healthz and /metrics are served.",
    )
    health_port: int = Field(
        default=8082,
        ge=0,
        le=65535,
        description="Port of /healthz and /metrics; 0 takes a free one and logs it.",
    )
    history_size: int = Field(
        default=50,
        ge=1,
        description="Runs kept of each triggered job; an app setting of this name beats it, at once.",
    )

    @field_validator("database_url")
    @classmethod
    def _names_a_postgres_database(cls, value: str) -> str:
        """The URL as asyncpg takes it, however its scheme was spelled."""
        scheme, separator, rest = value.partition("://")
        if scheme not in POSTGRES_SCHEMES or not separator or not urlsplit(value).path.strip("/"):
            raise ValueError("wants postgresql://user:password@host:port/database")
        refuse_unescaped_credentials(value)
        if "," not in value:  # asyncpg takes several hosts
            refuse_bad_port(value)
        return f"postgresql://{rest}"
