"""What the api reads from its environment."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from webjobs_service.settings import ServiceSettings

from webjobs_api.http.cross_origin import parse_origins
from webjobs_api.http.loopback import is_loopback
from webjobs_api.http.public_address import parse_proxies


class ApiSettings(ServiceSettings):
    """The variables of the api; app settings that may change while it runs are not among them."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; one other than loopback needs a username and a password.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    username: str | None = Field(
        default=None, repr=False, description="Name of the user who may do everything; goes with a password."
    )
    password: SecretStr | None = Field(
        default=None, repr=False, description="Password of that user; goes with a username."
    )
    viewer_username: str | None = Field(
        default=None,
        repr=False,
        description="Name of a user who sees all but secrets and changes nothing; goes with a password.",
    )
    viewer_password: SecretStr | None = Field(
        default=None, repr=False, description="Password of that user; goes with a username."
    )
    upload_limit_mb: int = Field(
        default=256, ge=1, le=1_000_000, description="Largest upload in megabytes of 1,048,576 bytes."
    )
    stalled_client_seconds: float = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="Seconds after which a client that takes nothing of its answer is cut off.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.0/8,::1",
        description="Comma-separated addresses and networks of proxies whose X-Forwarded headers count; "
        "none: no proxy's do.",
    )
    cors_origins: str | None = Field(
        default=None,
        description="Comma-separated origins of other sites whose pages may use the api; * for all.",
    )
    passthrough_sandbox: bool = Field(
        default=True,
        description="Whether browsers give pages of jobs an origin of their own; false: they act with the "
        "rights of the user who opens them.",
    )
    hooks_allow_private: bool = Field(
        default=False,
        description="Whether hooks may call loopback, private and other addresses that are not public.",
    )

    @field_validator("username", "viewer_username")
    @classmethod
    def _fits_http_basic(cls, value: str | None) -> str | None:
        if value is not None and ":" in value:
            raise ValueError("cannot hold a colon: HTTP Basic ends the name there")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _lists_networks(cls, value: str) -> str:
        parse_proxies(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _lists_origins(cls, value: str | None) -> str | None:
        if value is not None:
            parse_origins(value)
        return value

    @model_validator(mode="after")
    def _is_not_open_to_the_world(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("set both WEBJOBS_USERNAME and WEBJOBS_PASSWORD, or neither")
        if self.username is None and not is_loopback(self.host):
            raise ValueError(
                f"WEBJOBS_HOST={self.host!r} can be reached from other machines: set WEBJOBS_USERNAME and "
                "WEBJOBS_PASSWORD too, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _has_a_viewer_beside_the_user(self) -> Self:
        if (self.viewer_username is None) != (self.viewer_password is None):
            raise ValueError("set both WEBJOBS_VIEWER_USERNAME and WEBJOBS_VIEWER_PASSWORD, or neither")
        if self.viewer_username is not None and self.username is None:
            raise ValueError(
                "WEBJOBS_VIEWER_USERNAME has no effect without WEBJOBS_USERNAME and WEBJOBS_PASSWORD: set "
                "these, too"
            )
        if self.viewer_username is not None and self.viewer_username == self.username:
            raise ValueError(
                "WEBJOBS_VIEWER_USERNAME and WEBJOBS_USERNAME are the same: name the viewer otherwise"
            )
        return self

    @property
    def upload_limit_bytes(self) -> int:
        """Largest upload."""
        return self.upload_limit_mb * 1024 * 1024
