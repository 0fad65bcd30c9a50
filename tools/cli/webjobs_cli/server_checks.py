"""What `webjobs doctor` asks a server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from webjobs_client.address import address_of
from webjobs_client.errors import ClientError
from webjobs_client.exchange import Answer, Broken, Request
from webjobs_client.http_transport import HttpTransport

from webjobs_cli.release import installed_version
from webjobs_cli.shapes.doctor import CheckLevel, DoctorCheck
from webjobs_cli.target import Target

_PATIENCE = 10.0  # seconds
_DATE_GRAIN = timedelta(seconds=1)  # of the header Date
_WORTH_A_WARNING = timedelta(seconds=5)
_TOO_MUCH = timedelta(minutes=1)
_READY, _NOT_READY = 200, 503

_REMEDIES = {
    "nats": "See the log of NATS; under `webjobs up` it is started again by itself.",
    "streams": "They are created again; `webjobs doctor` in a minute shows whether they are.",
    "storage": "See whether the disk of NATS is full.",
    "disk": "Free some space on the disks of the runners.",
    "runner": "Start a runner, or see its log.",
    "history": "Start history, or see its log and that of Postgres.",
}


def server_checks(target: Target) -> Iterator[DoctorCheck]:
    """Check whether a server answers, can work, has this version and this time, and takes the login."""
    address = address_of(target.url, target.username, target.password, {})
    transport = HttpTransport(address, _PATIENCE, "webjobs-doctor")
    asked_at = datetime.now(UTC)
    try:
        answer = transport.send(Request(method="GET", target="/healthz"))
    except (Broken, ClientError) as error:
        yield _unreached(target, str(error))
        return
    answered_at = datetime.now(UTC)
    health = _health(answer)
    if health is None:
        what = f"/healthz with {answer.status}, and not as webjobs does"
        message = f"{target.url} (by {target.source}) answers {what}."
        yield DoctorCheck("server", "failed", message, "Name the server by --url, with its path prefix.")
        return
    yield DoctorCheck("server", "ok", f"{target.url} (by {target.source}) answers.")
    yield _same_version(str(health.get("version", "")))
    yield _same_time(answer, asked_at, answered_at)
    yield from _parts(health)
    try:
        yield _login(target, transport.send(Request(method="GET", target="/api/refusals")))
    except (Broken, ClientError) as error:
        yield DoctorCheck(
            "login", "failed", f"{target.url} did not answer /api/refusals: {error}.", "Try again."
        )


def _unreached(target: Target, reason: str) -> DoctorCheck:
    message = f"{target.url} (by {target.source}) cannot be reached: {reason}."
    if target.source == "default":
        remedy = "Start one by `webjobs up`, or name a server by --url, WEBJOBS_URL or `webjobs context`."
        return DoctorCheck("server", "note", message, remedy)
    return DoctorCheck("server", "failed", message, "Start it, or correct its address.")


def _health(answer: Answer) -> dict[str, Any] | None:
    if answer.status not in (_READY, _NOT_READY):
        return None
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"checks", "missing"} & found.keys() else None


def _same_version(theirs: str) -> DoctorCheck:
    ours = installed_version()
    if theirs == ours:
        return DoctorCheck("server_version", "ok", f"The server is webjobs {theirs}, as this command line.")
    message = f"The server is webjobs {theirs or 'of an unknown version'}, this command line {ours}."
    return DoctorCheck("server_version", "warning", message, "Upgrade the older one.")


def _same_time(answer: Answer, asked_at: datetime, answered_at: datetime) -> DoctorCheck:
    try:
        theirs = parsedate_to_datetime(answer.header("date") or "")
    except ValueError:
        return DoctorCheck("clock", "note", "The server does not say its time.")
    behind, ahead = asked_at - theirs - _DATE_GRAIN, theirs - answered_at
    difference = max(behind, ahead, timedelta())
    seconds = f"{difference.total_seconds():.0f} s"
    if difference < _WORTH_A_WARNING:
        return DoctorCheck("clock", "ok", "This machine and the server have the same time.")
    message = f"The clock of the server is {seconds} {'behind' if behind > ahead else 'ahead of'} this one."
    level: CheckLevel = "failed" if difference > _TOO_MUCH else "warning"
    return DoctorCheck("clock", level, message, "Keep both by NTP: schedules and leases go by the clock.")


def _parts(health: dict[str, Any]) -> Iterator[DoctorCheck]:
    missing = health.get("missing")
    if isinstance(missing, dict) and missing:
        for name, reason in missing.items():
            remedy = _REMEDIES.get(name, "See the logs of the services.")
            yield DoctorCheck(f"server_{name}", "failed", f"{name}: {reason}", remedy)
    else:
        yield DoctorCheck("server_parts", "ok", f"Good: {', '.join(health.get('checks', []))}.")
    notes = health.get("notes")
    for name, note in notes.items() if isinstance(notes, dict) else ():
        yield DoctorCheck(
            f"note_{name}",
            "warning",
            f"{name}: {note}",
            "Notes of /healthz are explained in docs/http_api.md.",
        )


def _login(target: Target, answer: Answer) -> DoctorCheck:
    who = f"as {target.username}" if target.username else "without a login"
    if answer.status == 401:
        message = f"The server does not let you in {who}."
        remedy = "Set WEBJOBS_USERNAME and WEBJOBS_PASSWORD, or see `webjobs context add --help`."
        return DoctorCheck("login", "failed", message, remedy)
    if answer.status >= 400:
        message = f"The server answers /api/refusals with {answer.status} {who}."
        return DoctorCheck("login", "failed", message, "See the log of the api.")
    return DoctorCheck("login", "ok", f"The server lets you in {who}.")
