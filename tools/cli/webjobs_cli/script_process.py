"""A script's process and its log, without an event loop: what `webjobs exec` starts and waits for."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webjobs_rules.log_format import Level
from webjobs_rules.log_line import LineMarker, MergedLines, system_lines
from webjobs_rules.stop_plan import StopPlan

_LOOK_SECONDS = 0.05  # between looks at whether the script has ended
_UNFINISHED_SECONDS = 0.25  # that an unfinished line is held, as in a runner
_LAST_SIGNAL_SECONDS = 1.0  # between the last signal and SIGKILL
_DRAIN_SECONDS = 5.0  # for what is left in the pipes of a script that has ended
_READ_BYTES = 64 * 1024


class MarkedLog:
    """Writes the lines of a log with their marks."""

    def __init__(self, source: str, write: Callable[[bytes], None]) -> None:
        """Marks name the `source`."""
        self._source = source
        self._write = write
        self._merged = MergedLines()

    def marker(self, level: Level) -> LineMarker:
        """A marker for one stream of the script."""
        return LineMarker(self._source, level)

    def put(self, marker: LineMarker | None, marked: bytes, now: datetime) -> None:
        """Write what a marker returned."""
        if marked:
            self._write(self._merged.add(marker, marked, now))

    def system(self, text: str, level: Level = "SYS INFO") -> None:
        """Write a line of webjobs itself."""
        now = datetime.now(UTC)
        self.put(None, system_lines(text, now, self._source, level), now)


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """How a script ended: by itself with an exit code or a signal, or because it was asked to."""

    exit_code: int | None
    signal: int | None
    asked: int | None = None
    """The signal by which the caller asked for the end; 0 for the time-out."""
    how: str = ""
    """A sentence about how it took its grace."""
    has_leftovers: bool = False


class ScriptRun:
    """One start of a script. SIGINT, SIGTERM and SIGHUP to this process stop it as its plan says.

    Args:
        log: Of the script.
        plan: How it is stopped.
        shutdown_file: Is written when it has to end.
        timeout: Seconds that it may take; None: any number.
    """

    def __init__(self, log: MarkedLog, plan: StopPlan, shutdown_file: Path, timeout: float | None) -> None:
        self._log = log
        self._plan = plan
        self._shutdown_file = shutdown_file
        self._timeout = timeout
        self._asked: int | None = None
        self._asked_times = 0

    def run(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> ScriptEnd:
        """Start the script and return when it has ended.

        Raises:
            OSError: It cannot be started.
        """
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            with process:
                return self._watch(process)
        finally:
            _kill_group(process.pid)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: object) -> None:
        self._asked_times += 1
        if self._asked is None:
            self._asked = number

    def _watch(self, process: "subprocess.Popen[bytes]") -> ScriptEnd:
        streams = _Streams(self._log, process)
        started, stop = time.monotonic(), None
        while process.poll() is None:
            streams.read(_LOOK_SECONDS)
            now = time.monotonic()
            if self._asked is None and self._timeout is not None and now - started >= self._timeout:
                self._asked = 0
                self._log.system(
                    f"It ran for {now - started:.3g} s; the limit is {self._timeout:g} s. "
                    "Raise or remove timeout in settings.job if that is too short.",
                    "SYS WARN",
                )
            if self._asked is not None and stop is None:
                stop = _Stop(process.pid, self._plan, self._shutdown_file)
            if stop is not None:
                stop.go_on(is_hurried=self._asked_times > 1)
        has_leftovers = _kill_group(process.pid)
        streams.drain(time.monotonic() + _DRAIN_SECONDS)
        code = process.returncode
        return ScriptEnd(
            code if code >= 0 else None,
            -code if code < 0 else None,
            self._asked if stop is not None else None,
            stop.how if stop is not None else "",
            has_leftovers and stop is None,
        )


class _Stop:
    """Asks a script to end, and kills it when its grace is over."""

    def __init__(self, pid: int, plan: StopPlan, shutdown_file: Path) -> None:
        self._pid = pid
        self._plan = plan
        self._last_signal = plan.last_signal
        self._asked_at = time.monotonic()
        self._kill_at = self._asked_at + plan.grace_seconds
        self.how = "It ended within its grace."
        shutdown_file.write_text(datetime.now(UTC).isoformat())
        if plan.first_signal is not None:
            self._send(signal.Signals[plan.first_signal])

    def go_on(self, *, is_hurried: bool) -> None:
        """Send what is due."""
        now = time.monotonic()
        if is_hurried:
            self._last_signal, self._kill_at = None, min(self._kill_at, now)
        if now < self._kill_at:
            return
        if self._last_signal is not None:
            self._send(signal.Signals[self._last_signal])
            self._last_signal, self._kill_at = None, now + _LAST_SIGNAL_SECONDS
            self.how = f"It ended by a signal after {self._plan.grace_seconds:.3g} s of grace."
            return
        self.how = f"It was killed after {now - self._asked_at:.3g} s of grace."
        _kill_group(self._pid)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)


class _Streams:
    """Both outputs of a script, marked line by line."""

    def __init__(self, log: MarkedLog, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None and process.stderr is not None
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._unfinished: dict[LineMarker, float] = {}
        self._selector.register(process.stdout, selectors.EVENT_READ, log.marker("INFO"))
        self._selector.register(process.stderr, selectors.EVENT_READ, log.marker("ERROR"))

    def read(self, seconds: float) -> bool:
        """Write what comes within a time; returns whether anything did."""
        open_pipes = self._selector.get_map()
        if not open_pipes:
            time.sleep(seconds)
            return False
        found = self._selector.select(seconds)
        for key, _ in found:
            marker: LineMarker = key.data
            chunk, now = os.read(key.fd, _READ_BYTES), datetime.now(UTC)
            if chunk:
                self._log.put(marker, marker.mark(chunk, now), now)
                self._note_unfinished(marker)
            else:
                self._log.put(marker, marker.flush(now), now)
                self._unfinished.pop(marker, None)
                self._selector.unregister(key.fileobj)
        self._flush_unfinished()
        return bool(found)

    def drain(self, until: float) -> None:
        """Write what is left in the pipes, until a time at most."""
        while self._selector.get_map() and time.monotonic() < until:
            self.read(_LOOK_SECONDS)
        now = datetime.now(UTC)
        for key in list(self._selector.get_map().values()):
            self._log.put(key.data, key.data.flush(now), now)
        self._selector.close()

    def _note_unfinished(self, marker: LineMarker) -> None:
        if not marker.holds_unfinished_line:
            self._unfinished.pop(marker, None)
        else:
            self._unfinished.setdefault(marker, time.monotonic() + _UNFINISHED_SECONDS)

    def _flush_unfinished(self) -> None:
        for marker in [each for each, due in self._unfinished.items() if due <= time.monotonic()]:
            del self._unfinished[marker]
            now = datetime.now(UTC)
            self._log.put(marker, marker.flush_unfinished(now), now)


def _kill_group(pid: int) -> bool:
    """Kill what is left of a script's processes; returns whether there was anything."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
