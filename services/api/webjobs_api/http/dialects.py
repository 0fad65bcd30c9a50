"""The dialects of the API: which paths each has, and how it writes an answer; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, RunView
from webjobs_rules.job import JobType

from webjobs_api.http import kudu_responses, legacy_responses
from webjobs_api.http.legacy_responses import JobJson
from webjobs_api.http.urls import KUDU_JOB_LOG_FILE, KUDU_OUTPUT_FILE, Urls


class Responses(Protocol):
    """Read models → JSON: what the modules `legacy_responses` and `kudu_responses` both do."""

    def run_json(self, run: RunView, urls: Urls, now: datetime) -> msgspec.Struct:
        """One run; its duration counts to `now` until it has ended."""

    def runs_json(self, runs: Iterable[RunView], urls: Urls, now: datetime) -> msgspec.Struct:
        """Runs in the order given."""

    def triggered_job_json(
        self, definition: JobDefinition, latest: RunView | None, urls: Urls, now: datetime
    ) -> JobJson:
        """A triggered job with its latest run."""

    def continuous_job_json(
        self, definition: JobDefinition, alive: Sequence[InstanceView], urls: Urls
    ) -> JobJson:
        """A continuous job with the status of its running instances."""

    def settings_changed_json(self, definition: JobDefinition) -> msgspec.Struct | None:
        """The answer to new settings of this job; None: nothing."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to speak to the same jobs.

    Attributes:
        all_jobs: Path of the list of all jobs; None where another dialect has it.
        jobs: Path of the jobs of a type, `{type}` standing for it.
        responses: How answers are written.
    """

    all_jobs: str | None
    jobs: str
    responses: Responses

    def jobs_of(self, job_type: JobType) -> str:
        """Path of the jobs of a type."""
        return self.jobs.replace("{type}", job_type.value)

    def urls(self, base: str) -> Urls:
        """The addresses that answers of this dialect name."""
        if self.responses is legacy_responses:
            return Urls(base, self.jobs)
        return Urls(base, self.jobs, KUDU_OUTPUT_FILE, KUDU_JOB_LOG_FILE)

    def has(self, path: str) -> bool:
        """Whether a path is one of this dialect's."""
        roots = (self.all_jobs, *(self.jobs_of(each) for each in JobType))
        return any(root is not None and (path == root or path.startswith(f"{root}/")) for root in roots)


LEGACY = Dialect("/api/jobs", "/api/jobs/{type}", legacy_responses)
"""The first clients' dialect."""

KUDU = Dialect("/api/webjobs", "/api/{type}webjobs", kudu_responses)
"""Kudu's current dialect."""

KUDU_OLDER = Dialect(None, "/api/{type}jobs", kudu_responses)
"""An alias that Kudu still serves."""

KUDU_OLDEST = Dialect("/jobs", "/jobs/{type}", kudu_responses)
"""Another; a browser gets pages for people here."""

DIALECTS = (LEGACY, KUDU, KUDU_OLDER, KUDU_OLDEST)


def dialect_of(path: str) -> Dialect:
    """The dialect a request's path belongs to; the first clients' when it belongs to none."""
    return next((dialect for dialect in DIALECTS if dialect.has(path)), LEGACY)
