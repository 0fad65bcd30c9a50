"""Server-sent events as bytes; pure. Source: the HTML standard, section "Server-sent events"."""

from collections.abc import Sequence


def sse_event(event_id: str, name: str, lines: Sequence[str]) -> bytes:
    """One event; its data are the lines, none of which may hold a line end. An empty name leaves it out."""
    head = f"id: {event_id}\n" + (f"event: {name}\n" if name else "")
    return f"{head}{''.join(f'data: {line}' + chr(10) for line in lines)}\n".encode()


def sse_heartbeat(event_id: str) -> bytes:
    """A sign of life: no event for the reader, who resumes after this id from now on."""
    return f": alive\nid: {event_id}\n\n".encode()
