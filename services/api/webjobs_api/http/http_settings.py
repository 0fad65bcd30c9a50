"""The part of the settings that handlers and middlewares read."""

from typing import Protocol

from pydantic import SecretStr


class HttpSettings(Protocol):
    """What `ApiSettings` provides to them."""

    @property
    def namespace(self) -> str:
        """First word of every stream and subject of this installation."""

    @property
    def username(self) -> str | None:
        """Name of the user who may do everything; None when no login is needed."""

    @property
    def password(self) -> SecretStr | None:
        """Password that goes with it."""

    @property
    def viewer_username(self) -> str | None:
        """Name of the user who changes nothing; None when there is none."""

    @property
    def viewer_password(self) -> SecretStr | None:
        """Password that goes with it."""

    @property
    def trusted_proxies(self) -> str:
        """Proxies whose headers count, as `parse_proxies` reads them."""

    @property
    def cors_origins(self) -> str | None:
        """Origins of other sites that may use the api, as `parse_origins` reads them."""

    @property
    def upload_limit_bytes(self) -> int:
        """Largest upload."""

    @property
    def passthrough_sandbox(self) -> bool:
        """Whether pages of jobs have an origin of their own."""

    @property
    def hooks_allow_private(self) -> bool:
        """Whether hooks may call addresses that are not public."""
