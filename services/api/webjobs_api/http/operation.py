"""The words in which a route is described: parameters, bodies, answers; and the descriptions themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Any
"""A type that msgspec can describe, or a JSON Schema as a dict, in which types may stand for schemas."""

JSON = "application/json"
TEXT = "text/plain"
PROBLEM = "application/problem+json"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value in the query, the headers or the path.

    Attributes:
        name: As it is written in the request.
        schema: Of the value.
        description: What it is for, in a sentence.
        is_required: Whether the request is refused without it.
    """

    name: str
    schema: Schema
    description: str
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request may bring.

    Attributes:
        content: Schema by media type.
        description: What it is, in a sentence.
        is_required: Whether the request is refused without it.
    """

    content: Mapping[str, Schema]
    description: str
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request may get.

    Attributes:
        description: When, or what it is, in a sentence.
        content: Schema by media type; empty when there is no body.
        headers: Meaning by name, of those that a client should look at.
    """

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route.

    Attributes:
        tag: The feature it belongs to.
        variant: The dialect of a copy under another prefix; empty in the operation as it is written.
        summary: What it does, in a few words.
        description: More, where that is needed.
        query: Parameters after the question mark. Others are refused, and so is one that is given twice,
            unless its schema is an array.
        headers: Parameters in headers, but for those of HTTP itself.
        body: None when the route reads none; one that is sent is refused then, unless it is blank.
        answers: By status, errors apart.
        errors: Statuses of errors of its own; those that any route can answer are added.
        error_texts: What an error means here, where the table of errors is too general.
        problems: Whether its own errors are problem documents instead of plain text; or the name of the
            header with which they are.
        has_etag: Whether the answer bears an ETag, and is 304 for a client that has it already.
        passes_on: Whether any query and any body goes on to a job's own server.
        viewers: Whether viewers may use it; None: if its method only reads.
        needs_room: Whether a POST or PUT is 507 while no runner has room on its disk.
        deprecated: Kept for old clients only.
    """

    tag: str
    variant: str = ""
    summary: str
    description: str = ""
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Answer]
    errors: tuple[int, ...] = ()
    error_texts: Mapping[int, str] = field(default_factory=dict)
    problems: bool | str = False
    has_etag: bool = False
    passes_on: bool = False
    viewers: bool | None = None
    needs_room: bool = True
    deprecated: bool = False

    @property
    def chapter(self) -> str:
        """The chapter of a document that has every dialect."""
        return f"{self.tag}, {self.variant}" if self.variant else self.tag


def json_of(schema: Schema, description: str, **headers: str) -> Answer:
    """A JSON answer; `headers` with `_` for `-`."""
    return Answer(description=description, content={JSON: schema}, headers=_named(headers))


def list_of(schema: Schema, description: str) -> Answer:
    """A JSON answer with a list of such."""
    return json_of({"type": "array", "items": schema}, description)


def text(description: str, media_type: str = TEXT) -> Answer:
    """An answer that is text of any kind."""
    return Answer(description=description, content={media_type: {"type": "string"}})


def binary(description: str, media_type: str = "application/octet-stream", **headers: str) -> Answer:
    """An answer that is bytes of any kind."""
    return Answer(description=description, content={media_type: {}}, headers=_named(headers))


def nothing(description: str, **headers: str) -> Answer:
    """An answer without a body."""
    return Answer(description=description, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): description for name, description in headers.items()}
