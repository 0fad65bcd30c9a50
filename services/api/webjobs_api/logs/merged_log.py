"""One log put together from the messages of its sources."""

from collections.abc import Iterable

from webjobs_events.jetstream import StreamMessage
from webjobs_rules.log_format import decode_chunk

from webjobs_api.logs.assembly import Assembly, Piece


class MergedLog:
    """Puts a log together whose chunks come from one source or several, each with offsets of its own.

    Args:
        file_name: Name of the log; chunks of others are passed over.
        start: Offset of the first byte wanted, of each source.
        begins_anywhere: Whether a source may begin at a later offset.
        wanted_after: Sequence in the stream up to which chunks only show how far the log is.
    """

    def __init__(
        self, file_name: str, start: int = 0, *, begins_anywhere: bool = False, wanted_after: int = 0
    ) -> None:
        self._file_name = file_name
        self._start = start
        self._begins_anywhere = begins_anywhere
        self._wanted_after = wanted_after
        self._sources: dict[str, Assembly] = {}

    @property
    def has_begun(self) -> bool:
        """Whether a chunk of the log has come."""
        return bool(self._sources)

    @property
    def end(self) -> int:
        """Offset of what comes next in a log of one source."""
        return max((each.end for each in self._sources.values()), default=self._start)

    @property
    def has_gap(self) -> bool:
        """Whether chunks are held behind a gap."""
        return any(each.has_gap for each in self._sources.values())

    def add(self, messages: Iterable[StreamMessage]) -> list[Piece]:
        """Returns what messages add to the log."""
        pieces: list[Piece] = []
        for message in messages:
            chunk = decode_chunk(message.headers, message.data)
            if chunk.file_name == self._file_name:
                added = self._source(message.subject, chunk.offset).add(chunk.offset, chunk.data)
                pieces += added if message.sequence > self._wanted_after else []
        return pieces

    def skip_gaps(self) -> list[Piece]:
        """Returns what is held behind the first gap of each source."""
        return [piece for assembly in self._sources.values() for piece in assembly.skip_gap()]

    def _source(self, subject: str, offset: int) -> Assembly:
        assembly = self._sources.get(subject)
        if assembly is None:
            start = max(self._start, offset) if self._begins_anywhere else self._start
            assembly = self._sources[subject] = Assembly(start)
        return assembly
