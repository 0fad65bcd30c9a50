"""`webjobs deploy`: upload a folder, a script or an archive as a job."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import click
from webjobs_client import Client, ClientError, JobNotFound
from webjobs_client.models import JobDetails, JobType
from webjobs_client.packing import Package, package_of
from webjobs_rules.amounts import size

from webjobs_cli.connection import connect
from webjobs_cli.dependencies import dependencies_of, difference
from webjobs_cli.deployment_progress import DeploymentProgress
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.names import parse_job
from webjobs_cli.output import Output
from webjobs_cli.shapes.deploy import Deployed
from webjobs_cli.shapes.deps import LockedPackage
from webjobs_cli.table import in_one_line, printable

_LOOK_SECONDS = 0.5  # between two looks at a folder that is watched
_BAR_BYTES = 1_000_000  # from which an upload has a progress bar
_SHOWN_PATHS = 5


@click.command(cls=Command)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", metavar="JOB", help="Name of the job; by default that of the folder or file.")
@click.option(
    "--type",
    "job_type",
    type=click.Choice(get_args(JobType)),
    help="By default that of the job there is, and triggered for a new one.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="PATTERN",
    help="Upload this too, which is left out by default, such as .env; may be repeated.",
)
@click.option("--watch", is_flag=True, help="Upload again whenever the files change, until Ctrl-C.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the deployment has ended; print its id.")
@click.option(
    "--upgrade",
    is_flag=True,
    help="Choose the versions of its packages again, and print how they differ from those before.",
)
@click.option("--dry-run", is_flag=True, help="Upload nothing; say what would be.")
@server_options
@json_option
def deploy(
    path: Path,
    name: str | None,
    job_type: JobType | None,
    include: tuple[str, ...],
    watch: bool,
    no_wait: bool,
    upgrade: bool,
    dry_run: bool,
) -> None:
    """Upload a folder, a script or a zip archive as a job, all of its files.

    Left out of a folder are .git, .webjobs, .venv, venv, caches of Python, litter of file managers, .env, and
    what its .webjobsignore names (in the syntax of .gitignore).
    """
    output = invocation().output
    output.check_fields(Deployed)
    job = parse_job(name or _name_of(path))
    kind = job_type or job.type
    client = connect()
    chosen: JobType = (
        "continuous" if kind == "continuous" else "triggered" if kind else _type_of(client, job.name)
    )
    if upgrade and (no_wait or watch):
        raise click.UsageError("--upgrade waits for one deployment: leave out --no-wait and --watch.")
    deployment = _Deployment(client, output, path, job.name, chosen, include, upgrade=upgrade)
    if dry_run:
        deployment.show_package()
    elif watch:
        deployment.watch()
    elif no_wait:
        deployment.begin()
    else:
        deployment.once()


def _name_of(path: Path) -> str:
    """The folder's name, or the file's without its extension; `run.sh` has the name of its folder."""
    resolved = path.resolve()
    if resolved.is_dir():
        return resolved.name
    return resolved.parent.name if resolved.stem == "run" else resolved.stem


def _type_of(client: Client, name: str) -> JobType:
    """That of the job there is; triggered when there is none, or both."""
    for kind in get_args(JobType):
        try:
            client.job(name, job_type=kind)
        except JobNotFound:
            continue
        return "continuous" if kind == "continuous" else "triggered"
    return "triggered"


class _Deployment:
    """What is uploaded, from where, to which job."""

    def __init__(
        self,
        client: Client,
        output: Output,
        path: Path,
        name: str,
        job_type: JobType,
        include: tuple[str, ...],
        *,
        upgrade: bool,
    ) -> None:
        self._upgrade = upgrade
        self._client = client
        self._output = output
        self._path = path
        self._name = name
        self._type: JobType = job_type
        self._include = include

    def show_package(self) -> None:
        """Print what would be uploaded."""
        with self._package() as package:
            self._print(package, None)

    def once(self) -> None:
        """Upload."""
        with self._package() as package:
            self._upload(package)

    def begin(self) -> None:
        """Upload, and leave the rest to the server."""
        with self._package() as package:
            with _progress(self._output, package.upload.size, self._name) as progress:
                begun = self._client.begin_deployment(
                    self._name, package, job_type=self._type, progress=progress
                )
            if isinstance(begun, JobDetails):  # a server of an earlier release has waited
                self._print(package, begun)
            else:
                self._print(package, None, deployment=begun.id)

    def watch(self) -> None:
        """Upload, and again after each change that has come to rest; a refusal is printed, and it goes on."""
        uploaded = ""
        state = _state_of(self._path)
        while True:
            try:
                with self._package() as package:
                    if package.digest != uploaded:
                        self._upload(package)
                        uploaded = package.digest
            except ClientError as error:
                if not uploaded:
                    raise
                print(f"webjobs: {error.message} {error.remedy}", file=sys.stderr, flush=True)
            while _state_of(self._path) == state:
                time.sleep(_LOOK_SECONDS)
            state = self._state_at_rest()

    def _state_at_rest(self) -> object:
        """The state once it is the same at two looks."""
        state = _state_of(self._path)
        while True:
            time.sleep(_LOOK_SECONDS)
            seen, state = state, _state_of(self._path)
            if seen == state:
                return state

    def _package(self) -> Package:
        return package_of(self._path, include=self._include)

    def _upload(self, package: Package) -> None:
        before = self._packages() if self._upgrade else []
        with (
            DeploymentProgress(is_on=not self._output.is_json) as shown,
            _progress(self._output, package.upload.size, self._name) as progress,
        ):
            job = self._client.deploy_package(
                self._name,
                package,
                job_type=self._type,
                progress=progress,
                watch=shown.line,
                upgrade=self._upgrade,
            )
        self._print(package, job, upgraded=difference(before, self._packages()) if self._upgrade else None)

    def _packages(self) -> list[LockedPackage]:
        """Those of the job as it is; none when it is new."""
        try:
            return dependencies_of(self._client, self._type, self._name).packages
        except JobNotFound:
            return []

    def _print(
        self,
        package: Package,
        job: JobDetails | None,
        *,
        deployment: str | None = None,
        upgraded: list[str] | None = None,
    ) -> None:
        deployed = Deployed(
            name=self._name,
            type=self._type,
            script=job.run_command if job else None,
            files=package.files,
            bytes=package.size,
            digest=package.digest,
            left_out=package.left_out,
            warnings=job.warnings if job else [],
            dry_run=job is None and deployment is None,
            url=job.url if job else None,
            deployment=deployment,
            upgraded=upgraded,
        )
        self._output.one(deployed, lines_of(deployed))


def lines_of(deployed: Deployed) -> Iterator[str]:
    """What is printed for people."""
    verb = "would upload" if deployed.dry_run else "uploaded"
    files = (
        "an archive"
        if deployed.files is None
        else "1 file"
        if deployed.files == 1
        else f"{deployed.files:,} files"
    )
    left_out = f"; left out {_left_out(deployed.left_out)}" if deployed.left_out else ""
    yield f"{verb} {files}, {size(deployed.bytes)}{left_out}"
    if deployed.script is not None:
        yield f"{deployed.type} job {printable(deployed.name)} runs {printable(deployed.script)}"
    if deployed.deployment is not None:
        yield f"deployment {deployed.deployment} goes on: webjobs api /api/deployments/{deployed.deployment}"
    if deployed.upgraded is not None:
        yield from deployed.upgraded or ["the packages stay as they are"]
    for warning in deployed.warnings:
        yield f"warning: {in_one_line(warning)}"


def _left_out(left_out: dict[str, int]) -> str:
    """`.venv (1,204 files), .env`, those with most files first."""
    paths = sorted(left_out, key=lambda path: (-left_out[path], path))
    shown = [
        f"{printable(path.rstrip('/'))}" + (f" ({left_out[path]:,} files)" if left_out[path] != 1 else "")
        for path in paths[:_SHOWN_PATHS]
    ]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _state_of(path: Path) -> object:
    """Changes whenever a file at or below the path does."""
    if not path.is_dir():
        found = path.stat() if path.exists() else None
        return found and (found.st_mtime_ns, found.st_size, found.st_ino)
    state = []
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                found = os.lstat(os.path.join(folder, name))
            except OSError:
                continue
            state.append((folder, name, found.st_mtime_ns, found.st_size, found.st_mode))
    return state


@contextmanager
def _progress(output: Output, size: int, name: str) -> Iterator[Callable[[int], None] | None]:
    """A bar on a terminal, when the upload takes a while."""
    if output.is_json or not sys.stderr.isatty() or size < _BAR_BYTES:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"uploading {printable(name)}", total=size)
        yield lambda sent: progress.update(task, completed=sent)
