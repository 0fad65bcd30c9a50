"""What can be wrong with the parameters, the form or the body of a request, whatever it is about."""

from collections.abc import Mapping, Sequence

from webjobs_rules.errors import WebJobsError
from webjobs_rules.near_miss import closest_name


class InvalidForm(WebJobsError):
    """The body of a request is not the form that the address takes."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The form cannot be read: {reason}.")


class FormTooLarge(WebJobsError):
    """The form of a page is longer than any that a person fills in."""

    http_status = 413

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"The form is larger than the limit of {limit_bytes:,} bytes. Nothing was changed. "
            "Go back, and shorten what is typed in it."
        )


class UnknownEncoding(WebJobsError):
    """A body is compressed in a way that is not read.

    Args:
        encoding: Value of its Content-Encoding.
        readable: The encodings that are read.
    """

    http_status = 415

    def __init__(self, encoding: str, readable: Sequence[str]) -> None:
        self.encoding = encoding
        self.http_headers = {"Accept-Encoding": ", ".join(readable)}
        super().__init__(
            f"A body with Content-Encoding: {encoding[:40]} cannot be read. Send it as it is, "
            f"or as {' or '.join(readable)}."
        )


class BrokenEncoding(WebJobsError):
    """A body is not compressed as its Content-Encoding says.

    Args:
        encoding: Value of its Content-Encoding.
        is_cut: Whether it begins as it should, and its end is missing.
    """

    http_status = 400

    def __init__(self, encoding: str, *, is_cut: bool = False) -> None:
        self.encoding = encoding
        reason = f"is {encoding} without its end" if is_cut else f"is not {encoding}"
        super().__init__(
            f"The body {reason}, though its Content-Encoding says so. Nothing was changed. "
            "Send it again whole, or as it is and without Content-Encoding."
        )


class UnknownParameter(WebJobsError):
    """A query parameter, or a field of a body, that the address does not take.

    Args:
        kind: What it is: `query parameter`, `form field` or `JSON field`.
        name: As given.
        known: What the address takes instead.
        hint: Another sentence for this case.
    """

    http_status = 400

    def __init__(self, kind: str, name: str, known: Sequence[str], hint: str = "") -> None:
        self.name = name
        self.known = tuple(known)
        close = closest_name(name, known, is_refused=True)
        meant = f" Did you mean {close!r}?" if close else ""
        takes = f"takes: {', '.join(known)}" if known else f"takes no {kind}s"
        super().__init__(f"Unknown {kind} {name[:100]!r}.{meant} This address {takes}.{hint and ' '}{hint}")


class RepeatedParameter(WebJobsError):
    """A query parameter, or a field of a body, that is given more than once."""

    http_status = 400

    def __init__(self, kind: str, name: str) -> None:
        self.name = name
        super().__init__(f"The {kind} {name!r} is given more than once. Give it once.")


class UnexpectedBody(WebJobsError):
    """A body where the address reads none."""

    http_status = 400

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"{method} {path[:200]} takes no body. Send the request without one.")


class InvalidPage(WebJobsError):
    """A part of a list that cannot be named so."""

    http_status = 400

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        self.reason = reason
        super().__init__(f"The parameter {parameter} cannot be used: {reason}.")


class InvalidFlag(WebJobsError):
    """A parameter that says neither yes nor no."""

    http_status = 400

    def __init__(self, parameter: str, value: str) -> None:
        self.parameter = parameter
        self.value = value
        super().__init__(
            f"{parameter}={value[:60]!r} is neither yes nor no: write {parameter}=true or false."
        )


class InvalidSettingsBody(WebJobsError):
    """The body of a change of settings is not what `settings.job` can be."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'Settings must be a JSON object such as {{"is_singleton": true}}: {reason}.')


class UnsupportedPatch(WebJobsError):
    """The body of a PATCH is of a type that says nothing about what changes."""

    http_status = 415
    http_headers: Mapping[str, str] = {"Accept-Patch": "application/merge-patch+json, application/json"}

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        super().__init__(
            f"A patch of the type {content_type[:100]!r} cannot be used. Send a JSON merge patch "
            '(RFC 7396) such as {"timeout": 60, "retry": null}, with Content-Type: '
            "application/merge-patch+json or application/json."
        )


class InvalidEventFilter(WebJobsError):
    """A parameter that asks for what no event can be."""

    http_status = 400

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no events: {reason}.")
