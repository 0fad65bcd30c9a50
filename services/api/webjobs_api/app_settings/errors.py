"""What can go wrong with app settings."""

from webjobs_rules.errors import WebJobsError


class AppSettingNotFound(WebJobsError):
    """No app setting has this name."""

    http_status = 404

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no setting {name[:100]!r}. GET /api/settings lists those that are there.")


class InvalidAppSettingsBody(WebJobsError):
    """The body of a change of app settings is no object of them."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'App settings must be a JSON object such as {{"GREETING": "hello"}}: {reason}.')


class AppSettingsTooLarge(WebJobsError):
    """More app settings than the environment of a process can hold."""

    http_status = 413

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"All app settings together would be larger than {limit_bytes:,} bytes, too much for the "
            "environment of a job. Keep large values in a file."
        )


class TooManyAppSettings(WebJobsError):
    """More names than an installation can have."""

    http_status = 413

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"There would be more than {limit:,} app settings, which is the limit. Delete some.")
