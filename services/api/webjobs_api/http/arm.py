"""Azure Resource Manager's envelope around an answer, for requests that come through it; pure.

Source: Kudu.Services/Arm/ArmUtils.cs.
"""

from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

GEO_HEADER = "x-ms-geo-location"
"""Requests that bear it come through ARM."""

_PROVIDER = "Microsoft.Web"


class ArmEntry(msgspec.Struct, frozen=True):
    """One resource."""

    id: str
    name: str
    type: str
    location: str
    properties: Any


class ArmList(msgspec.Struct, frozen=True):
    """Several resources."""

    value: list[ArmEntry]


def location(header: str) -> str:
    """The location that the header names."""
    return _text(header)


def resource_id(referer: str, path: str) -> str:
    """The id of what a request is about: ARM sends it as the referer; without one, our own path."""
    try:
        named = urlsplit(referer).path
    except ValueError:  # no address at all
        named = ""
    return (_text(named) if "/providers/" in named else quote(path, errors="replace")).rstrip("/")


def enveloped(answer: Any, resource_id: str, location: str) -> ArmEntry | ArmList:
    """An answer as ARM wants it; lists and histories become lists of resources.

    Args:
        answer: A struct, or a list of structs that have a name.
        resource_id: From the function of this name.
        location: As the header has it.
    """
    listed = getattr(answer, "runs", answer)
    if isinstance(listed, list):
        return ArmList(
            [entry(f"{resource_id}/{quote(each.name, safe='')}", location, each) for each in listed]
        )
    return entry(resource_id, location, answer)


def entry(resource_id: str, location: str, properties: Any) -> ArmEntry:
    """A resource in its envelope.

    Args:
        resource_id: Its path in ARM, `/subscriptions/…/providers/Microsoft.Web/sites/a/triggeredwebjobs/b`;
            what follows the provider alternates between a type and a name. A path without a provider is
            one of ours, `/api/triggeredwebjobs/b`.
        location: As the header has it.
        properties: The answer itself.
    """
    parts = resource_id.strip("/").split("/")
    provider, rest = _PROVIDER, parts[1:] if parts[0] == "api" else parts
    if "providers" in parts[:-1]:
        at = len(parts) - 1 - parts[::-1].index("providers")
        provider, rest = parts[at + 1], parts[at + 2 :]
    return ArmEntry(
        id=resource_id,
        name="/".join(rest[1::2]),
        type="/".join([provider, *rest[::2]]),
        location=location,
        properties=properties,
    )


def _text(header: str) -> str:
    """A header's text, with a mark for each byte of it that is none."""
    return header.encode("utf-8", "replace").decode()
