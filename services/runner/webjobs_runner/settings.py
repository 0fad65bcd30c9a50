"""What the runner reads from its environment."""

import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field
from webjobs_service.settings import ServiceSettings


class RunnerSettings(ServiceSettings):
    """The runner's settings."""

    data: Path = Field(
        default=Path(".webjobs"),
        description="The site folder: jobs, their data and logs lie in it.",
    )
    instance_id: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{6}$",
        description="This runner's id, 6 hex digits; when not given, that of a runner of this folder that "
        "has ended, or else derived from host name and folder.",
    )
    slots: int = Field(
        default=32,
        ge=1,
        le=4096,
        description="Triggered runs that this runner handles at the same time; more wait in the queue.",
    )
    health_host: str = Field(default="127.0.0.1", description="Address that serves /healthz and /metrics.")
    health_port: int = Field(
        default=8081,
        ge=0,
        le=65535,
        description="Port that serves /healthz and /metrics; 0 takes a free one.",
    )
    temp: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()),
        description="Where working copies are made; the system's temporary folder when not given.",
    )
    script_hosts: str = Field(
        default="",
        description='More script types, as JSON: {".rb": ["ruby"]} runs .rb files with ruby.',
    )
    disk_reserve_mb: int | None = Field(
        default=None,
        ge=0,
        description="Megabytes of the disk of WEBJOBS_DATA that are kept free: below that no new runs and "
        "deployments are taken; 5 % of the disk, at most 500, when not given.",
    )
    dependencies: Literal["on", "off"] = Field(
        default="on", description="off: the packages that the files of jobs declare are not installed."
    )
    pythons: str = Field(
        default="",
        description="Interpreters of Python that jobs with dependencies may use, comma-separated names or "
        "paths; the newest that fits is taken. python3 when not given.",
    )
    build_packages: str = Field(
        default="none",
        description="Python packages that may be built from their source, which runs code of theirs on the "
        "runner: none, all, or names separated by commas.",
    )
    install_scripts: Literal["none", "listed"] = Field(
        default="none",
        description="Whether packages of Node.js run scripts of theirs when they are installed: none, or "
        "listed: those that allowScripts of package.json lists.",
    )
    job_indexes: bool = Field(
        default=False, description="Whether the files of jobs may name indexes and addresses of packages."
    )
    environment_limit_mb: int = Field(
        default=2048, ge=1, description="Megabytes that the packages of one job may have."
    )
    cache_limit_mb: int = Field(
        default=5120, ge=0, description="Megabytes of downloaded packages that are kept for the next job."
    )
    unpacked_limit_mb: int = Field(
        default=1024, ge=1, description="Megabytes that an upload may unpack to; more is refused."
    )
