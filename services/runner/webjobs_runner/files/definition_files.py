"""`settings.job` and `disable.job`: where they lie in a job's folder, how they are read and written.

They belong to the job's definition, not to its package. They are read from the job's folder and, when
the job is a single folder in it, from that one too, which wins: a person who copies such a job there
again means its settings. They are written to the job's folder alone, and taken from the inner one then;
as the choice of the script passes over both names, writing them never hides the script.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobType
from webjobs_rules.job_folder import DISABLE_FILE, SETTINGS_FILE
from webjobs_rules.litter import is_litter
from webjobs_rules.script import script_folder
from webjobs_rules.settings_check import MAX_SETTINGS_BYTES
from webjobs_rules.settings_text import (
    decoded_settings,
    load_settings,
    parse_settings,
    settings_text,
    spelling_warnings,
)


def read_settings(folder: Path, job_type: JobType) -> dict[str, Any]:
    """What the folder's `settings.job` says; {} when there is none.

    Raises:
        InvalidJobSettings: It says nothing that can be understood, or what it says has a fault.
    """
    return parse_settings(decoded_settings(_settings_bytes(folder)), job_type)


def settings_warnings(folder: Path) -> list[str]:
    """Sentences about how the folder's `settings.job` is written, if it can be read."""
    try:
        return spelling_warnings(decoded_settings(_settings_bytes(folder)))
    except InvalidJobSettings:
        return []


def settings_version(folder: Path) -> str:
    """Names the folder's `settings.job` as it was saved last, by time and size.

    It becomes part of public ids, so it is no digest of the content, which may hold secrets.
    """
    places = _find(folder, SETTINGS_FILE)
    try:
        status = places[-1].stat() if places else None
    except FileNotFoundError:
        status = None
    return f"{status.st_mtime_ns}/{status.st_size}" if status else ""


def _settings_bytes(folder: Path) -> bytes:
    places = _find(folder, SETTINGS_FILE)
    if not places:
        return b""
    try:  # without waiting for a writer, should a link lead to a pipe
        descriptor = os.open(places[-1], os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    with open(descriptor, "rb") as file:
        return file.read(MAX_SETTINGS_BYTES + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def has_settings(folder: Path) -> bool:
    """Whether a `settings.job` lies in the folder."""
    return bool(_find(folder, SETTINGS_FILE))


def is_disabled(folder: Path) -> bool:
    """Whether a `disable.job` lies in the folder."""
    return bool(_find(folder, DISABLE_FILE))


def write_definition_files(folder: Path, settings: Mapping[str, Any], disabled: bool, scratch: Path) -> None:
    """Make the folder say this, touching nothing that says it already.

    `scratch` is a name on the same disk outside the folder, so that a half-written file is never in it.
    """
    found = _find(folder, SETTINGS_FILE)
    if not _is_written(folder, found, settings):
        scratch.write_text(settings_text(settings), encoding="utf-8")
        scratch.replace(folder / SETTINGS_FILE)
        _remove(place for place in found if place != folder / SETTINGS_FILE)
    marks = _find(folder, DISABLE_FILE)
    if disabled and not marks:
        (folder / DISABLE_FILE).unlink(missing_ok=True)  # a link that leads elsewhere
        (folder / DISABLE_FILE).touch()
    elif not disabled:
        _remove(marks)


def _is_written(folder: Path, found: list[Path], settings: Mapping[str, Any]) -> bool:
    if not found:
        return not settings
    try:
        return load_settings(decoded_settings(_settings_bytes(folder))) == settings
    except InvalidJobSettings:
        return False


def _find(folder: Path, name: str) -> list[Path]:
    """The files of this name that count, from the job's folder inwards."""
    found = []
    inner = folder
    while True:
        entries = _listed(inner, folder)
        found += [inner / entry for entry in entries if entry.lower() == name]
        below = script_folder(entries)
        if not below:
            return found
        inner = inner / below


def _listed(folder: Path, root: Path) -> list[str]:
    """The names in a folder that count when the script is looked for, as `list_files` has them."""
    try:
        with os.scandir(folder) as entries:
            names = (
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if _is_content(entry, root)
            )
            return sorted(name for name in names if not is_litter(name))
    except FileNotFoundError:
        return []


def _is_content(entry: os.DirEntry[str], root: Path) -> bool:
    """False for pipes, sockets, devices, and links that are absolute or end outside of the job's folder."""
    if not entry.is_symlink():
        return entry.is_dir() or entry.is_file()
    end, top = os.path.realpath(entry.path), os.path.realpath(root)
    return not os.readlink(entry.path).startswith("/") and end.startswith(f"{top}/")


def _remove(places: Iterable[Path]) -> None:
    for place in places:
        place.unlink(missing_ok=True)
