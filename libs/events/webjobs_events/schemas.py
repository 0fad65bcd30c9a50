"""Message types → JSON Schemas, with each field explained as its class explains it."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect as types

from webjobs_events.events import EVENT_TYPES, schema_file

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ATTRIBUTES = "Attributes:\n"
_ATTRIBUTE = re.compile(r"(?m)^    (\w+): (.*(?:\n {8,}.*)*)")

_IN_JSON = re.compile(r"\bNone\b")


def event_schemas() -> dict[str, dict[str, Any]]:
    """A schema by file name for every event."""
    return {
        schema_file(kind, name): schema_of(event_type, schema_file(kind, name))
        for (kind, name), event_type in EVENT_TYPES.items()
    }


def schema_of(described: type[msgspec.Struct], file_name: str) -> dict[str, Any]:
    """The schema of one type, complete in itself.

    Args:
        described: The type.
        file_name: Under which it is served.
    """
    (schema,), definitions = schema_components([described], "#/$defs/{name}")
    return {"$schema": DIALECT, "$id": f"/schemas/{file_name}", **schema, "$defs": definitions}


def schema_components(
    described: Iterable[Any], reference: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """A schema for each type, and by name the schemas that those refer to.

    Args:
        described: Types that msgspec can describe.
        reference: Where the schemas by name will be, such as `#/components/schemas/{name}`.
    """
    wanted = list(described)
    schemas, components = msgspec.json.schema_components(wanted, ref_template=reference)
    classes = _classes_in(types.multi_type_info(wanted))
    for name, component in components.items():
        if name in classes:
            _explain(component, classes[name])
    return [dict(schema) for schema in schemas], components


def _explain(component: dict[str, Any], described: type[Any]) -> None:
    """Put what the docstrings of a class and its bases say of its fields where a reader looks for it."""
    descriptions: dict[str, str] = {}
    for base in reversed(described.__mro__):
        descriptions |= _attributes(base)
    for name, schema in component.get("properties", {}).items():
        if name in descriptions and "description" not in schema:
            schema["description"] = descriptions[name]
    if "description" in component:
        component["description"] = component["description"].partition(_ATTRIBUTES)[0].strip()


def _attributes(described: type[Any]) -> Mapping[str, str]:
    docstring = inspect.cleandoc(described.__dict__.get("__doc__") or "")
    section = docstring.partition(_ATTRIBUTES)[2]
    return {name: _IN_JSON.sub("null", " ".join(text.split())) for name, text in _ATTRIBUTE.findall(section)}


def _classes_in(infos: Iterable[types.Type]) -> dict[str, type[Any]]:
    """Every struct and enumeration that these types are made of, by name."""
    found: dict[str, type[Any]] = {}
    waiting: list[Any] = list(infos)
    while waiting:
        info = waiting.pop()
        if isinstance(info, types.StructType | types.EnumType):
            if info.cls.__name__ in found:
                continue
            found[info.cls.__name__] = info.cls
        if isinstance(info, types.StructType):
            waiting.extend(each.type for each in info.fields)
        elif isinstance(info, types.UnionType):
            waiting.extend(info.types)
        elif isinstance(info, types.Metadata):
            waiting.append(info.type)
        elif isinstance(info, types.DictType):
            waiting.append(info.value_type)
        elif isinstance(info, types.ListType | types.VarTupleType):
            waiting.append(info.item_type)
    return found
