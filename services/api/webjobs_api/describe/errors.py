"""What can go wrong with requests for a description of the api."""

from webjobs_rules.errors import WebJobsError


class SchemaNotFound(WebJobsError):
    """There is no JSON Schema of this name."""

    http_status = 404

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(
            f"There is no schema {file_name[:200]!r}. Names are those in the ce-dataschema of events, "
            "and settings.job.json."
        )


class UnknownDialect(WebJobsError):
    """A description of a dialect that does not exist."""

    http_status = 400

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        super().__init__(
            f"There is no dialect {name[:60]!r}; use one of {', '.join(known)}, or leave it out."
        )
