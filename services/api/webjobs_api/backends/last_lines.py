"""The last line that each of some runs wrote."""

import asyncio
from collections.abc import Iterable

from webjobs_events.jetstream import Bus
from webjobs_events.queries import RunKey
from webjobs_rules.job import JobType
from webjobs_rules.log_format import decode_chunk, read_mark
from webjobs_rules.terminal_text import plain

_LONGEST = 200  # characters
_MOST_BYTES = 8192  # of the end of a log that are looked at


def last_line_of(data: bytes) -> str | None:
    """The last line of a piece of a log that a script wrote, without its mark; None when there is none.

    Empty lines and lines of the runner are passed over.
    """
    for line in reversed(data[-_MOST_BYTES:].split(b"\n")):
        mark = read_mark(line)
        if mark is None or mark.level.startswith("SYS"):
            continue
        text = plain(line[mark.size :].decode("utf-8", "replace")).strip()
        if text:
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return None


async def last_lines(bus: Bus, runs: Iterable[RunKey]) -> dict[RunKey, str]:
    """The last line of each of these runs, as far as the last piece of its log that is stored has one.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    wanted = list(runs)
    stream = bus.subjects.logs_stream
    found = await asyncio.gather(
        *(
            bus.last_message(stream, bus.subjects.log(JobType.TRIGGERED, job_name, run_id))
            for job_name, run_id in wanted
        )
    )
    lines = {
        key: last_line_of(decode_chunk(message.headers, message.data).data)
        for key, message in zip(wanted, found, strict=True)
        if message is not None
    }
    return {key: line for key, line in lines.items() if line is not None}
