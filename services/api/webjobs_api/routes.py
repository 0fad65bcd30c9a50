"""The whole HTTP surface."""

from collections.abc import Iterable

from aiohttp import web

from webjobs_api import asyncapi, continuous, deploy, job_page, jobs, logs, schemas, triggered
from webjobs_api.openapi import handlers as openapi
from webjobs_api.openapi import page

_JOB = "{job:[^/]+}"
_TYPE = "{type:triggered|continuous}"
_FOLDER = f"site/wwwroot/{{app_data:[Aa][Pp][Pp]_[Dd][Aa][Tt][Aa]}}/jobs/{_TYPE}/{_JOB}"


def routes() -> list[web.RouteDef]:
    """Every route but `/healthz` and `/metrics`, without its form with a trailing slash."""
    return [
        web.get("/api/jobs", jobs.list_jobs),
        # Triggered jobs
        web.get("/api/jobs/triggered", triggered.list_jobs),
        # Routes of one prefix are tried in order: first the one whose latency matters most.
        web.post(f"/api/jobs/triggered/{_JOB}/run", triggered.run_job),
        web.get(f"/api/jobs/triggered/{_JOB}", triggered.get_job),
        web.get(f"/api/jobs/triggered/{_JOB}/history", triggered.get_history),
        web.get(f"/api/jobs/triggered/{_JOB}/history/{{id}}", triggered.get_run),
        # Continuous jobs
        web.get("/api/jobs/continuous", continuous.list_jobs),
        web.get(f"/api/jobs/continuous/{_JOB}", continuous.get_job),
        web.post(f"/api/jobs/continuous/{_JOB}/start", continuous.start_job),
        web.post(f"/api/jobs/continuous/{_JOB}/stop", continuous.stop_job),
        # Jobs of either type
        web.put(f"/api/jobs/{_TYPE}/{_JOB}", deploy.put_job),
        web.delete(f"/api/jobs/{_TYPE}/{_JOB}", deploy.delete_job),
        web.get(f"/api/jobs/{_TYPE}/{_JOB}/settings", jobs.get_settings),
        web.put(f"/api/jobs/{_TYPE}/{_JOB}/settings", jobs.put_settings),
        web.put(f"/api/zip/{_FOLDER}", deploy.put_zip),
        web.delete(f"/api/vfs/{_FOLDER}", deploy.delete_folder),
        # Logs
        *_under_both_prefixes(f"data/jobs/triggered/{_JOB}/{{id}}/{{file}}", logs.get_run_log),
        *_under_both_prefixes(f"data/jobs/continuous/{_JOB}/job.log", logs.get_job_log),
        *_under_both_prefixes("LogFiles/Application/continuous/{job:[^/]+}.log", logs.get_application_log),
        # Pages for people
        web.get("/", job_page.show_index),
        web.get(f"/jobs/{_TYPE}/{_JOB}", job_page.show_job),
        web.post(f"/jobs/triggered/{_JOB}/run", job_page.run_job),
        web.post(f"/jobs/continuous/{_JOB}/start", job_page.start_job),
        web.post(f"/jobs/continuous/{_JOB}/stop", job_page.stop_job),
        # The api about itself
        web.get("/docs", page.show_page),
        web.get("/openapi.json", openapi.get_document),
        web.get("/asyncapi.json", asyncapi.get_document),
        web.get("/schemas/{file}", schemas.get_schema),
    ]


def with_trailing_slashes(definitions: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """Each route, and the same with a slash at its end."""
    return [
        web.RouteDef(route.method, path, route.handler, route.kwargs)
        for route in definitions
        for path in ([route.path] if route.path == "/" else [route.path, f"{route.path}/"])
    ]


def _under_both_prefixes(path: str, handler: logs.Handler) -> list[web.RouteDef]:
    return [web.get(f"/vfs/{path}", handler), web.get(f"/api/vfs/{path}", handler)]
