"""What unpacks archives of strangers: a runner, and the command line in a folder of its own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from webjobs_cli.job_archive import unpack_zip
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.left_out import LeftOut
from webjobs_runner.files.archive_writer import unpack_upload

Unpack: TypeAlias = Callable[[Path, Path, UploadLimits], list[LeftOut]]
"""Unpacks an archive into a folder, within limits; returns what was left out."""

UNPACKERS: Mapping[str, Unpack] = {"runner": unpack_upload, "command line": unpack_zip}
