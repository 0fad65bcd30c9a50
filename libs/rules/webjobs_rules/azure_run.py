"""What the files of Azure say about a past run of a triggered job; pure.

Azure keeps for each run a folder that is named by the run id: `status` is JSON, `output_log.txt` has marked
lines, and `error_log.txt` exists in old folders only. Source: docs/compatibility.md#runs-that-are-imported.
"""

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from webjobs_rules.errors import InvalidRunId, UnusableRecord
from webjobs_rules.run_id import RunId, instant_of, parse_run_id
from webjobs_rules.status import Reason, Status

STATUS_FILE = "status"
OUTPUT_LOG = "output_log.txt"
ERROR_LOG = "error_log.txt"
RUN_FILES = frozenset({STATUS_FILE, OUTPUT_LOG, ERROR_LOG})
"""Names of the files of a run, in lower case."""

LARGEST_STATUS = 64 * 1024  # bytes
LONGEST_TRIGGER = 500  # characters
HOST = "azure"
"""Names the host of a run whose log does not name one."""

_LONGEST_SHOWN = 60  # characters of a value in a sentence
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE
)
_FINAL: Mapping[str, Status] = {
    "success": Status.SUCCESS,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "aborted": Status.ABORTED,
    "stopped": Status.ABORTED,
}
_UNFINISHED = frozenset({"initializing", "running"})
_LINE = re.compile(
    rb"\[(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d) > ([^\]\n]{1,100}): (SYS )?(INFO|WARN|ERR ?|ERROR)\] "
)
_EXIT_CODE = re.compile(rb"Job failed due to exit code (-?\d{1,10})")
_IDLE = re.compile(rb"aborted due to no output|no output nor CPU activity", re.IGNORECASE)
_LEVELS = {b"INFO": b"INFO", b"WARN": b"WARN", b"ERR": b"ERROR", b"ERROR": b"ERROR"}


@dataclass(frozen=True, slots=True)
class RecordedStatus:
    """The content of a status file.

    Attributes:
        word: The status as it is written, in lower case.
        started_at: None when it does not say.
        ended_at: None when it does not say, or the run had not ended.
        trigger: What started the run; empty when it does not say.
    """

    word: str
    started_at: datetime | None
    ended_at: datetime | None
    trigger: str

    @property
    def is_final(self) -> bool:
        """Whether the run had ended when the file was written."""
        return self.word in _FINAL


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as another system recorded it; instants are UTC.

    Attributes:
        run_id: Of the run, as that system named it.
        status: A final one.
        reason: Why it ended, as far as the files show it.
        evidence: The same as a sentence; empty when there is nothing to add.
        exit_code: Of the script; None when it is not known.
        trigger: What started it.
        started_at: When its script started.
        ended_at: When it ended, never before its start.
        host: Instance that ran it, as its log names it.
    """

    run_id: RunId
    status: Status
    reason: Reason
    evidence: str
    exit_code: int | None
    trigger: str
    started_at: datetime
    ended_at: datetime
    host: str


class LogConverter:
    """Turns a log of Azure into one of ours, block by block, and notes what it says about its run.

    Lines end with a line feed, and levels have our names. The text of a line stays as it is.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.host = ""
        self.exit_code: int | None = None
        self.is_idle = False
        """Whether the run was killed for its idleness."""
        self.last_at: datetime | None = None
        """Instant of the last line that has one."""
        self._is_error = False
        self._rest = b""
        self._is_begun = False

    def convert(self, block: bytes) -> tuple[bytes, bytes]:
        """Returns the lines that end in a block, and those of them from the script's standard error."""
        if not self._is_begun:
            block, self._is_begun = block.removeprefix(b"\xef\xbb\xbf"), True
        *lines, self._rest = (self._rest + block).split(b"\n")
        return self._converted(lines)

    def finish(self) -> tuple[bytes, bytes]:
        """Returns a last line that did not end, as `convert` does."""
        lines, self._rest = ([self._rest] if self._rest else []), b""
        return self._converted(lines)

    def _converted(self, lines: Iterable[bytes]) -> tuple[bytes, bytes]:
        output, errors = [], []
        for line in lines:
            line = self._line(line.removesuffix(b"\r"))
            output.append(line + b"\n")
            if self._is_error:
                errors.append(line + b"\n")
        return b"".join(output), b"".join(errors)

    def _line(self, line: bytes) -> bytes:
        found = _LINE.match(line) if line.startswith(b"[") else None
        if found is None:
            return line
        system, level = found[8] or b"", _LEVELS[found[9].rstrip()]
        if level == b"WARN" and not system:
            level = b"INFO"
        self._is_error = level == b"ERROR" and not system
        month, day, year, hour, minute, second = map(int, found.groups()[:6])
        try:
            self.last_at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return line
        self.host = self.host or found[7].decode("ascii", "replace")
        text = line[found.end() :]
        if system and level == b"ERROR":
            if code := _EXIT_CODE.search(text):
                self.exit_code = int(code[1])
            self.is_idle = self.is_idle or _IDLE.search(text) is not None
        return b"%s%s%s] %s" % (line[: found.end(7)], b": " + system, level, text)


def run_files(paths: Iterable[str]) -> dict[RunId, dict[str, str]]:
    """Returns the paths of the files of each run by their names in lower case, from the oldest run on.

    Args:
        paths: Relative, `/` between parts; those that belong to no run are passed over.

    Raises:
        UnusableRecord: They are those of several jobs.
    """
    found: dict[RunId, dict[str, str]] = {}
    parents = set()
    for path in paths:
        *above, folder, name = ("", *path.split("/")) if "/" in path else ("", "", path)
        if name.lower() not in RUN_FILES or not is_run_id(folder):
            continue
        parents.add("/".join(above))
        found.setdefault(RunId(folder), {})[name.lower()] = path
    if len(parents) > 1:
        named = ", ".join(sorted(parents)[:3])
        raise UnusableRecord(f"the runs lie in several folders ({named}); send those of one job")
    return dict(sorted(found.items()))


def is_run_id(name: str) -> bool:
    """Whether a folder can be that of a run."""
    try:
        parse_run_id(name)
    except InvalidRunId:
        return False
    return True


def read_status(data: bytes) -> RecordedStatus:
    """Returns the content of a status file.

    Raises:
        UnusableRecord: It is damaged, or no status file of Azure.
    """
    if not data.strip(b"\0 \r\n\t"):
        raise UnusableRecord("the status file is empty" if not data.strip(b" \r\n\t") else _ZEROS)
    if len(data) > LARGEST_STATUS:
        raise UnusableRecord("the status file is no status file of Azure: it is too large")
    try:
        decoded = msgspec.json.decode(_decoded(data).strip())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableRecord(f"the status file is damaged: {error}") from error
    if not isinstance(decoded, dict):
        raise UnusableRecord("the status file is damaged: it is no JSON object")
    if "event" in decoded:
        raise UnusableRecord("the status file is one of webjobs, not of Azure")
    fields = {str(key).lower().replace("_", ""): value for key, value in decoded.items()}
    word = fields.get("status")
    if not isinstance(word, str) or word.lower() not in {*_FINAL, *_UNFINISHED}:
        raise UnusableRecord(f"the status file has no status that is known: {_shown(word)}")
    trigger = fields.get("trigger")
    return RecordedStatus(
        word=word.lower(),
        started_at=_instant("StartTime", fields.get("starttime")),
        ended_at=_instant("EndTime", fields.get("endtime")),
        trigger=_clean(trigger)[:LONGEST_TRIGGER] if isinstance(trigger, str) else "",
    )


_ZEROS = "the status file holds zero bytes only, as a failed disk leaves it"


def past_run(
    run_id: RunId, recorded: RecordedStatus, log: LogConverter, *, is_newest: bool, now: datetime
) -> PastRun:
    """Returns a run as its files show it.

    Args:
        run_id: Of the run.
        recorded: The content of its status file.
        log: That has read its output log.
        is_newest: Whether the job has no later run: one without an end may go on then.
        now: This instant.

    Raises:
        UnusableRecord: It may not have ended, or its times are impossible.
    """
    if not recorded.is_final and is_newest:
        raise UnusableRecord(
            f"its status is {recorded.word.capitalize()} and no later run shows that it has ended; "
            "copy the folder and import it again when it has"
        )
    started_at = recorded.started_at or instant_of(run_id)
    ended_at = max(recorded.ended_at or log.last_at or started_at, started_at)
    if max(ended_at, instant_of(run_id)) > now + timedelta(days=1):
        raise UnusableRecord(f"it lies in the future: {ended_at:%Y-%m-%d %H:%M}")
    status = _FINAL.get(recorded.word, Status.ABORTED)
    reason, evidence, exit_code = _cause(recorded, status, log)
    return PastRun(
        run_id=run_id,
        status=status,
        reason=reason,
        evidence=evidence,
        exit_code=exit_code,
        trigger=recorded.trigger or "Azure",
        started_at=started_at,
        ended_at=ended_at,
        host=_clean(log.host)[:_LONGEST_SHOWN] or HOST,
    )


def _cause(recorded: RecordedStatus, status: Status, log: LogConverter) -> tuple[Reason, str, int | None]:
    if status is Status.SUCCESS:
        return Reason.EXIT_CODE, "", 0
    if not recorded.is_final:
        evidence = f"Azure recorded {recorded.word.capitalize()} and no end, and a later run."
        return Reason.RUNNER_LOST, evidence, None
    if status is Status.FAILED and log.is_idle:
        return Reason.IDLE_TIMEOUT, "Azure ended it: no output and no CPU time.", log.exit_code
    if status is Status.FAILED and log.exit_code is not None:
        return Reason.EXIT_CODE, "", log.exit_code
    return Reason.IMPORTED, f"Azure recorded {status.value}, and not why.", log.exit_code


def _decoded(data: bytes) -> str:
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf_16 else "utf-8-sig")


def _instant(name: str, value: Any) -> datetime | None:
    """An instant as .NET writes it; None when it is not set."""
    if value is None:
        return None
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise UnusableRecord(f"the status file has no instant as {name}: {_shown(value)}")
    zone = found[3] or "Z"
    try:
        at = datetime.fromisoformat(found[1]).replace(microsecond=int((found[2] or "0")[:6].ljust(6, "0")))
        if at.year == 1:
            return None
        if zone.upper() == "Z":
            return at.replace(tzinfo=UTC)
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        return at.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnusableRecord(f"the status file has no instant as {name}: {_shown(value)}") from error


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode()).strip()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
