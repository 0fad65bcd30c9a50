"""Imports what another system recorded of the runs of a triggered job."""

import secrets

import msgspec
from aiohttp import web
from webjobs_events.commands import ImportedRun, ImportOutcome, ImportRuns
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.problems import with_problems
from webjobs_api.http.upload_body import check_length, receive_upload
from webjobs_api.http.upload_errors import EmptyUpload
from webjobs_api.jobs.commands import command_from
from webjobs_api.jobs.deployments import DEPLOYMENTS


class ImportedRunJson(msgspec.Struct, frozen=True):
    """A run of the archive.

    Attributes:
        id: Of the run.
        outcome: `imported`; `unchanged`: it was there already; `skipped`: its files cannot be used.
        reason: Why it was skipped; else empty.
    """

    id: str
    outcome: ImportOutcome
    reason: str


class ImportJson(msgspec.Struct, frozen=True):
    """What became of the runs of an archive, oldest first, and how many there are of each outcome."""

    imported: int
    unchanged: int
    skipped: int
    runs: list[ImportedRunJson]


@with_problems
async def import_runs(request: web.Request) -> web.Response:
    """`POST /api/jobs/triggered/{job}/import`: the body is a zip archive with the folder of each run."""
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    check_length(request)
    await request.app[RUNNERS].require_one()
    received = await receive_upload(request)
    if not received.size:
        received.file.close()
        raise EmptyUpload
    upload = f"upload-{secrets.token_hex(16)}"
    command = command_from(request, ImportRuns, JobType.TRIGGERED, definition.job_name, upload=upload)
    reply = await request.app[DEPLOYMENTS].deploy(command, received.file)
    return request_context.json(import_json(reply.runs))


def import_json(runs: list[ImportedRun]) -> ImportJson:
    """The answer about these runs."""

    def count(outcome: ImportOutcome) -> int:
        return sum(run.outcome is outcome for run in runs)

    return ImportJson(
        imported=count(ImportOutcome.IMPORTED),
        unchanged=count(ImportOutcome.UNCHANGED),
        skipped=count(ImportOutcome.SKIPPED),
        runs=[ImportedRunJson(run.run_id, run.outcome, run.reason) for run in runs],
    )
