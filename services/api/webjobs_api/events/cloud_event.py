"""A stored event as CloudEvents 1.0 in JSON; pure."""

from collections.abc import Mapping

import msgspec
from webjobs_rules.trace import TRACEPARENT, TRACESTATE

_PREFIX = "ce-"
_TEXT = msgspec.json.encode


def cloud_event_json(headers: Mapping[str, str], data: bytes, sequence: int) -> str:
    """The event with all its attributes, in one line; its body is `data`, as it is.

    The sequence in the stream is the extension `sequence`.
    """
    attributes = {name[len(_PREFIX) :]: value for name, value in headers.items() if name.startswith(_PREFIX)}
    attributes |= {"datacontenttype": "application/json", "sequence": str(sequence)}
    attributes |= {name: headers[name] for name in (TRACEPARENT, TRACESTATE) if name in headers}
    fields = [f"{_TEXT(name).decode()}:{_TEXT(value).decode()}" for name, value in attributes.items()]
    return f'{{{",".join(fields)},"data":{_one_line(data)}}}'


def _one_line(data: bytes) -> str:
    try:
        return msgspec.json.encode(msgspec.Raw(msgspec.json.format(data, indent=-1))).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "null"
