"""Imports the jobs of an Azure site into a server: files and settings, past runs, data files."""

import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import quote

import msgspec
from webjobs_client import Client, ClientError, JobNotFound
from webjobs_client.packing import Package, package_of
from webjobs_rules.azure_run import LARGEST_STATUS, LogConverter, past_run, read_status
from webjobs_rules.errors import UnusableRecord
from webjobs_rules.job import JobType
from webjobs_rules.job_folder import DISABLE_FILE, counting_file, definition_files
from webjobs_rules.litter import is_litter
from webjobs_rules.run_id import RunId

from webjobs_cli.azure_needs import advice_of, needs_of, settings_named_by
from webjobs_cli.azure_site import AzureJob
from webjobs_cli.job_check import CheckedJob, Programs, checked_job
from webjobs_cli.shapes.azure_import import ImportedJob, ImportOutcome, SkippedPart

HISTORY_SIZE = "WEBJOBS_HISTORY_SIZE"
_DEFAULT_HISTORY_SIZE = 50
_REFUSED = (400, 404, 409, 413, 415, 422)
_MOST_RUNS = 100  # of one request
_MOST_BYTES = 32 * 1024 * 1024  # of one request, unless a run is larger
_LARGEST_FILE = 200 * 1024 * 1024  # bytes of a data file, below the limit of an upload
_IN_MEMORY = 8 * 1024 * 1024
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_LOGS = frozenset({"job_log.txt", "job_prev_log.txt", "job_scheduler.log"})
"""Logs that are kept as files under another name, since their own names are those of logs here."""
_OF_KUDU = ("triggeredjob.lock", "singleton.job.lock", "webjobssdk.marker", "triggeredjob.status")


class EveryProgram(Programs):
    """Finds every program: which ones the runners have, the server says."""

    def find(self, program: str) -> str | None:
        """The program itself."""
        return program


class _Run(msgspec.Struct, frozen=True):
    """A run in the history of a job."""

    id: str


class _History(msgspec.Struct, frozen=True):
    """The history of a job."""

    runs: list[_Run]


class _RunOutcome(msgspec.Struct, frozen=True):
    """A run in the answer to an import."""

    id: str
    outcome: str
    reason: str


class _Outcomes(msgspec.Struct, frozen=True):
    """The answer to an import."""

    runs: list[_RunOutcome]


@dataclass(slots=True)
class _Runs:
    """What became of the runs of a job."""

    imported: int = 0
    unchanged: int = 0
    beyond_history: int = 0
    skipped: list[SkippedPart] = field(default_factory=list)


@dataclass(slots=True)
class _Data:
    """What became of the data files of a job."""

    imported: list[str] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[SkippedPart] = field(default_factory=list)


class AzureImport:
    """Imports jobs one by one; what is there already is left as it is.

    Args:
        client: Of the server.
        is_dry: Change nothing; the results are those of an import.
        replaces: Whether a job of the same name with other files is replaced.
    """

    def __init__(self, client: Client, *, is_dry: bool, replaces: bool) -> None:
        self._client = client
        self._is_dry = is_dry
        self._replaces = replaces
        self._settings: dict[str, str] | None = None
        with suppress(ClientError):  # a user may not be allowed to read them
            self._settings = client.app_settings()

    def job(self, job: AzureJob) -> ImportedJob:
        """Import a job; returns what became of it.

        Raises:
            ClientError: The server cannot be reached, or refuses more than this job.
        """
        checked = checked_job(
            job.folder,
            job.name,
            JobType(job.type),
            EveryProgram({}),
            site_zone=(self._settings or {}).get("WEBSITE_TIME_ZONE"),
            now=datetime.now(UTC),
        )
        outcome, reason, warnings = self._files(job, checked)
        is_here = outcome != "refused"
        runs = self._runs(job) if is_here else self._left(job)
        data = self._data(job) if is_here else _Data()
        needs: list[str] = []
        named: set[str] = set()
        if checked.source is not None:
            named = settings_named_by(checked.source)
            if checked.chosen is not None:
                needs = needs_of(checked.source, checked.script, checked.chosen)
                warnings = [*advice_of(checked.source, checked.script, checked.chosen), *warnings]
        return ImportedJob(
            name=job.name,
            type=job.type,
            outcome=outcome,
            reason=reason,
            script=checked.script or None,
            disabled=_is_disabled(checked),
            schedule=checked.schedule.schedule if checked.schedule else None,
            needs=needs,
            missing_settings=sorted(named - set(self._settings or ()), key=str.lower),
            runs_imported=runs.imported,
            runs_unchanged=runs.unchanged,
            runs_beyond_history=runs.beyond_history,
            runs_skipped=runs.skipped,
            data_imported=data.imported,
            data_unchanged=data.unchanged,
            data_skipped=data.skipped,
            warnings=list(dict.fromkeys(warnings)),
        )

    # Files and settings

    def _files(self, job: AzureJob, checked: CheckedJob) -> tuple[ImportOutcome, str, list[str]]:
        """The outcome of a deployment, its reason, and what is doubtful."""
        warnings = [each.message for each in checked.findings if each.level == "warning"]
        refusals = [each.message for each in checked.findings if each.level == "error"]
        try:
            with package_of(job.folder) as package:
                different = self._difference(job, package)
                if different == "":
                    return "unchanged", "", warnings
                if different is not None and not self._replaces:
                    return "differs", f"{different}; --replace deploys the files of Azure.", warnings
                if refusals:
                    return "refused", " ".join(refusals), warnings
                if not self._is_dry:
                    details = self._client.deploy_package(job.name, package, job_type=job.type)
                    warnings = [*warnings, *details.warnings]
        except ClientError as error:
            if error.status not in _REFUSED and error.code != "invalid_request":
                raise
            return "refused", error.message, warnings
        return "imported", "", warnings

    def _difference(self, job: AzureJob, package: Package) -> str | None:
        """In what the job that is there differs; empty when it does not, None when there is none."""
        try:
            self._client.job(job.name, job_type=job.type)
        except JobNotFound:
            return None
        path = f"/api/zip/site/wwwroot/App_Data/jobs/{job.type}/{quote(job.name, safe='')}/"
        here = _sums(io.BytesIO(self._client.request("GET", path).body))
        sent = io.BytesIO(b"".join(package.upload.chunks()))
        there = _sums(sent)
        changed = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        if not changed:
            return ""
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"A job of this name with other files is here ({changed[0]}{more})"

    # Runs

    def _left(self, job: AzureJob) -> _Runs:
        """The runs of a job that is not here: they wait for it."""
        count = len(job.run_folders)
        if not count:
            return _Runs()
        reason = "The job was refused; import it again when it is here."
        return _Runs(skipped=[SkippedPart("1 run" if count == 1 else f"{count:,} runs", reason)])

    def _runs(self, job: AzureJob) -> _Runs:
        folders = job.run_folders
        known = self._known_runs(job) if folders else set()
        kept = set(sorted(known | folders.keys(), reverse=True)[: self._history_size])
        found = _Runs(unchanged=len(folders.keys() & known))
        wanted: dict[str, Path] = {}
        newest = max(known | folders.keys(), default="")
        for run_id, folder in folders.items():
            if run_id in known:
                continue
            if run_id not in kept:
                found.beyond_history += 1
                continue
            try:
                _check_run(run_id, folder, is_newest=run_id == newest)
            except UnusableRecord as error:
                found.skipped.append(SkippedPart(run_id, error.reason))
            else:
                wanted[run_id] = folder
        if self._is_dry:
            found.imported = len(wanted)
            return found
        for part in _parts(wanted):
            self._send(job, part, found)
        found.skipped.sort(key=lambda each: each.what)
        return found

    def _send(self, job: AzureJob, part: dict[str, Path], found: _Runs) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as archive:
            _pack(part, archive)
            archive.seek(0)
            try:
                answer = self._client.request(
                    "POST",
                    f"/api/triggeredwebjobs/{quote(job.name, safe='')}/import",
                    body=archive.read(),
                    headers={"Content-Type": "application/zip"},
                )
            except ClientError as error:
                if error.status not in _REFUSED:
                    raise
                found.skipped += [SkippedPart(run_id, error.message) for run_id in part]
                return
        for run in msgspec.json.decode(answer.body, type=_Outcomes).runs:
            if run.outcome == "skipped":
                found.skipped.append(SkippedPart(run.id, run.reason))
            elif run.outcome == "unchanged":  # imported once, and removed by retention since
                found.unchanged += 1
            else:
                found.imported += 1

    def _known_runs(self, job: AzureJob) -> set[str]:
        try:
            answer = self._client.request("GET", f"/api/triggeredwebjobs/{quote(job.name, safe='')}/history")
        except JobNotFound:
            return set()
        except ClientError as error:
            if error.status != 404:
                raise
            return set()
        return {run.id for run in msgspec.json.decode(answer.body, type=_History).runs}

    @property
    def _history_size(self) -> int:
        given = (self._settings or {}).get(HISTORY_SIZE, "")
        return int(given) if given.isascii() and given.isdigit() else _DEFAULT_HISTORY_SIZE

    # Data files

    def _data(self, job: AzureJob) -> _Data:
        found = _Data()
        for path, name in _data_files(job):
            target = f"data/jobs/{job.type}/{job.name}/{name}"
            if path.stat().st_size > _LARGEST_FILE:
                found.skipped.append(
                    SkippedPart(name, "It is larger than an upload may be; copy it by hand.")
                )
                continue
            address = f"/api/vfs/{quote(target)}"
            try:
                if self._is_there(address):
                    found.unchanged += 1
                    continue
                if not self._is_dry:
                    self._client.request(
                        "PUT", address, body=path.read_bytes(), headers={"If-None-Match": "*"}
                    )
            except ClientError as error:
                if error.status not in _REFUSED:
                    raise
                found.skipped.append(SkippedPart(name, error.message))
                continue
            found.imported.append(target)
        return found

    def _is_there(self, address: str) -> bool:
        try:
            self._client.request("HEAD", address)
        except ClientError as error:
            if error.status != 404:
                raise
            return False
        return True


def _is_disabled(job: CheckedJob) -> bool:
    if job.source is not None and counting_file(job.source.content.definition_files, DISABLE_FILE):
        return True
    return job.settings is not None and not job.settings.enabled


def _check_run(run_id: str, folder: Path, *, is_newest: bool) -> None:
    """Refuse a run as the server would, without its logs.

    Raises:
        UnusableRecord: With the reason.
    """
    files = {each.name.lower(): each for each in folder.iterdir() if each.is_file() and not each.is_symlink()}
    if "status" not in files:
        raise UnusableRecord("it has no status file")
    try:
        with files["status"].open("rb") as file:
            recorded = read_status(file.read(LARGEST_STATUS + 1))
    except OSError as error:
        raise UnusableRecord(f"the status file cannot be read: {error.strerror}") from error
    past_run(RunId(run_id), recorded, LogConverter(), is_newest=is_newest, now=datetime.now(UTC))


def _parts(runs: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """The runs in parts of a bounded size, the newest first: what comes later is known to have ended."""
    part: dict[str, Path] = {}
    size = 0
    for run_id, folder in sorted(runs.items(), reverse=True):
        more = sum(path.stat().st_size for path in _files_of_run(folder))
        if part and (len(part) >= _MOST_RUNS or size + more > _MOST_BYTES):
            yield part
            part, size = {}, 0
        part[run_id], size = folder, size + more
    if part:
        yield part


def _files_of_run(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.is_file() and not each.is_symlink()]


def _pack(runs: dict[str, Path], archive: IO[bytes]) -> None:
    """Write the folders of runs as an archive; stored: a server refuses what is packed too tightly."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for run_id, folder in sorted(runs.items()):
            for path in _files_of_run(folder):
                if path.name.lower() in ("status", "output_log.txt", "error_log.txt"):
                    entry = zipfile.ZipInfo(f"{run_id}/{path.name}", _NO_TIME)
                    with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as member:
                        while chunk := source.read(1024 * 1024):
                            member.write(chunk)


def _sums(archive: IO[bytes]) -> dict[str, tuple[int, int]]:
    """Checksum and size of the files of a job in an archive, by path."""
    with zipfile.ZipFile(archive) as package:
        infos = {each.filename: each for each in package.infolist() if not each.is_dir()}
        speaking = definition_files(infos)
        return {
            name: (info.CRC, info.file_size)
            for name, info in infos.items()
            if name not in speaking and not is_litter(name)
        }


def _data_files(job: AzureJob) -> Iterable[tuple[Path, str]]:
    """Files that scripts and Azure left in the data folder of a job, and their paths below it here."""
    if job.data is None:
        return
    runs = {path.name for path in job.run_folders.values()}
    for path in sorted(job.data.rglob("*")):
        name = path.relative_to(job.data).as_posix()
        first = PurePosixPath(name).parts[0]
        if path.is_symlink() or not path.is_file() or first in runs or is_litter(name):
            continue
        lower = name.lower()
        if lower in _OF_KUDU or lower.endswith(".lock") or lower.startswith("status_"):
            continue
        yield path, f"azure_{lower}" if lower in _LOGS else name
