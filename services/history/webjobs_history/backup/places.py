"""Where the events of a backup are in the stream that it was restored into; pure."""


class Places:
    """Where the events of a backup are in the new stream, which has no gaps."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._gaps: list[tuple[int, int]] = []  # sequence before, sequence now: of the first after each gap
        self._expected = first

    def add(self, sequence: int) -> None:
        """The next event, with the sequence that it had."""
        if sequence != self._expected or not self._gaps:
            self._gaps.append((sequence, self._next))
        self._expected = sequence + 1
        self._next += 1

    def of(self, sequence: int) -> int:
        """The place of the last event up to the one that had this sequence."""
        found = self._gaps[0][1] - 1 if self._gaps else self._next - 1
        for index, (before, now) in enumerate(self._gaps):
            if before > sequence:
                break
            end = self._gaps[index + 1][1] - 1 if index + 1 < len(self._gaps) else self._next - 1
            found = min(now + sequence - before, end)
        return found
