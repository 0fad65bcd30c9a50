"""The whole HTTP surface."""

from collections.abc import Iterable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_rules.job import JobType
from webjobs_rules.log_format import JOB_LOG

from webjobs_api.app_settings import handlers as app_settings
from webjobs_api.bulk_actions import handlers as bulk_actions
from webjobs_api.bulk_actions import run_handlers as bulk_run_actions
from webjobs_api.describe import asyncapi, page, schemas, swagger
from webjobs_api.describe import handlers as openapi
from webjobs_api.events import handlers as events
from webjobs_api.hooks import handlers as hooks
from webjobs_api.http import assets
from webjobs_api.http.dialects import KUDU, KUDU_OLDER, KUDU_OLDEST, LEGACY, Dialect
from webjobs_api.http.negotiation import by_accept
from webjobs_api.http.urls import KUDU_JOB_LOG_FILE, SCHEDULER_LOG_FILE
from webjobs_api.jobs import (
    continuous,
    dependencies,
    deploy,
    refusal_list,
    run_imports,
    script_choice,
    triggered,
    version_diff,
    versions,
)
from webjobs_api.jobs import handlers as jobs
from webjobs_api.login import handlers as login
from webjobs_api.logs import handlers as logs
from webjobs_api.logs import line_handlers, logstream, run_log
from webjobs_api.logs.deployment_log import deployment_log
from webjobs_api.monitoring import system
from webjobs_api.overview import acknowledgement_handlers as acknowledgements
from webjobs_api.overview import handlers as overview
from webjobs_api.pages import acknowledgements as acknowledgements_page
from webjobs_api.pages import actions, continuous_job, job_files, new_job, triggered_job
from webjobs_api.pages import bulk as bulk_pages
from webjobs_api.pages import deployment as deployment_page
from webjobs_api.pages import deployments as deployments_page
from webjobs_api.pages import events as events_page
from webjobs_api.pages import hooks as hooks_page
from webjobs_api.pages import overview as overview_page
from webjobs_api.pages import run as run_page
from webjobs_api.pages import runs as all_runs_page
from webjobs_api.pages import schedule as schedule_page
from webjobs_api.pages import settings as settings_page
from webjobs_api.pages import system as system_page
from webjobs_api.pages.acknowledgement_lines import PATH as ACKNOWLEDGEMENTS
from webjobs_api.pages.once import once
from webjobs_api.pages.tab import PATH as TAB
from webjobs_api.pages.tab import get_tab
from webjobs_api.passthrough import handlers as passthrough
from webjobs_api.runs import all_runs, run_control
from webjobs_api.runs import handlers as runs
from webjobs_api.schedules import handlers as schedules
from webjobs_api.site_deployments import handlers as site_deployments
from webjobs_api.site_files import vfs, zip_folder
from webjobs_api.why import handlers as why

_JOB = "{job:[^/]+}"
_TYPE = "{type:triggered|continuous}"
_PATH = "{path:(?s:.*)}"  # line ends too: handlers say what they think of them
_FOLDER = f"site/wwwroot/App_Data/jobs/{_TYPE}/{_JOB}"


def routes() -> list[web.RouteDef]:
    """Every route but `/healthz` and `/metrics`, without its form with a trailing slash."""
    return [
        *_job_routes(LEGACY),
        *_job_routes(KUDU),
        *_job_routes(KUDU_OLDER),
        *[_with_page(route) for route in _job_routes(KUDU_OLDEST)],
        web.get("/api/triggeredwebjobsswagger", swagger.get_swagger),
        web.get(overview.PATH, overview.get_overview),
        web.get(all_runs.PATH, all_runs.list_runs),
        web.get(f"{all_runs.PATH}/{_JOB}/{{id}}", all_runs.get_run),
        web.get(system.PATH, system.get_system),
        web.get(refusal_list.PATH, refusal_list.list_refusals),
        web.post(script_choice.PATH, jobs.choose_script_by_names),
        web.post(bulk_actions.PATH, bulk_actions.act_on_jobs),
        web.post(bulk_run_actions.PATH, bulk_run_actions.act_on_runs),
        web.get(acknowledgements.PATH, acknowledgements.list_acknowledgements),
        web.post(acknowledgements.PATH, acknowledgements.give_acknowledgement),
        web.delete(f"{acknowledgements.PATH}/{{acknowledgement}}", acknowledgements.withdraw_acknowledgement),
        # App settings
        web.get("/api/settings", app_settings.get_all),
        web.post("/api/settings", app_settings.change),
        web.get("/api/settings/{key}", app_settings.get_one),
        web.delete("/api/settings/{key}", app_settings.delete),
        # Files of jobs
        web.put(f"/api/zip/{_FOLDER}", deploy.put_zip),
        web.delete(f"/api/vfs/{_FOLDER}", deploy.folder_deletion(vfs.delete_item)),
        web.delete(f"/vfs/{_FOLDER}", deploy.folder_deletion(vfs.delete_item)),
        # Logs
        *_under_both_prefixes(f"data/jobs/triggered/{_JOB}/{{id}}/{{file}}", logs.run_file(vfs.get_item)),
        *_under_both_prefixes(
            f"data/jobs/triggered/{_JOB}/{SCHEDULER_LOG_FILE}", schedules.get_scheduler_log
        ),
        *_under_both_prefixes(f"data/jobs/continuous/{_JOB}/{JOB_LOG}", logs.get_job_log),
        *_under_both_prefixes(f"data/jobs/continuous/{_JOB}/{KUDU_JOB_LOG_FILE}", logs.get_job_log),
        *_under_both_prefixes("LogFiles/Application/continuous/{job:[^/]+}.log", logs.get_application_log),
        # Live
        web.get("/api/events", events.follow_events),
        *_log_streams("/api/logstream"),
        *_log_streams("/logstream"),
        # Files of the site folder, unless they are logs
        web.get("/api/vfs", vfs.get_item),
        web.get(f"/api/vfs/{_PATH}", vfs.get_item),
        web.put(f"/api/vfs/{_PATH}", vfs.put_item),
        web.delete(f"/api/vfs/{_PATH}", vfs.delete_item),
        web.get("/vfs", vfs.get_item),
        web.get(f"/vfs/{_PATH}", vfs.get_item),
        web.put(f"/vfs/{_PATH}", vfs.put_item),
        web.delete(f"/vfs/{_PATH}", vfs.delete_item),
        web.get("/api/zip", zip_folder.get_zip),
        web.put("/api/zip", zip_folder.put_zip),
        web.get(f"/api/zip/{_PATH}", zip_folder.get_zip),
        web.put(f"/api/zip/{_PATH}", zip_folder.put_zip),
        # Deployments of packages
        web.post("/api/zipdeploy", site_deployments.zip_deploy),
        web.put("/api/zipdeploy", site_deployments.zip_deploy),
        web.post("/api/publish", site_deployments.publish),
        web.put("/api/publish", site_deployments.publish),
        web.get("/api/deployments", site_deployments.list_deployments),
        web.get("/api/deployments/{deployment}", site_deployments.get_deployment),
        web.put("/api/deployments/{deployment}", site_deployments.record),
        web.get("/api/deployments/{deployment}/log", deployment_log(site_deployments.get_log)),
        web.get("/diagnostics/runtime", site_deployments.get_runtime),
        # Schedules
        web.get("/api/schedules/preview", schedules.preview_schedule),
        # Hooks
        web.post("/api/hooks", hooks.create_hook),
        web.get("/api/hooks", hooks.list_hooks),
        web.post("/api/hooks/publish/{event}", hooks.publish),
        web.get("/api/hooks/{hook}", hooks.get_hook),
        web.patch("/api/hooks/{hook}", hooks.patch_hook),
        web.delete("/api/hooks/{hook}", hooks.delete_hook),
        web.post("/api/hooks/{hook}/test", hooks.call_as_test),
        web.get("/api/hooks/{hook}/deliveries", hooks.list_deliveries),
        web.post("/api/hooks/{hook}/deliveries", hooks.redeliver),
        # Sessions of browsers
        web.get("/login", login.show_form),
        web.post("/login", login.sign_in),
        web.post("/logout", login.sign_out),
        # Pages for people
        web.get("/", overview_page.show_index),
        web.get("/pages/runs", all_runs_page.show_runs),
        web.get("/pages/schedule", schedule_page.show_schedule),
        web.get("/pages/events", events_page.show_events),
        web.get("/pages/hooks", hooks_page.show_hooks),
        web.post("/pages/hooks", once(hooks_page.add_hook)),
        web.get("/pages/hooks/{hook}", hooks_page.show_hook),
        web.post("/pages/hooks/{hook}", once(hooks_page.change_one)),
        web.post("/pages/hooks/{hook}/test", once(hooks_page.test_one)),
        web.post("/pages/hooks/{hook}/deliveries", once(hooks_page.send_one_again)),
        web.post("/pages/hooks/{hook}/delete", once(hooks_page.remove_hook)),
        web.get("/pages/settings", settings_page.show_settings),
        web.post("/pages/settings", once(settings_page.set_one)),
        web.post("/pages/settings/{key}/delete", once(settings_page.remove_one)),
        web.get("/pages/system", system_page.show_system),
        web.get(TAB, get_tab),
        web.get("/pages/new", new_job.show_form),
        web.get(deployment_page.PATH, deployments_page.show_deployments),
        web.get(f"{deployment_page.PATH}/{{deployment}}", deployment_page.show_deployment),
        web.get(f"/pages/triggered/{_JOB}", triggered_job.show_triggered_job),
        web.get(f"/pages/triggered/{_JOB}/history/{{id}}", run_page.show_run),
        web.get(f"/pages/triggered/{_JOB}/history/{{id}}/lines", run_page.show_run_lines),
        web.get(f"/pages/continuous/{_JOB}", continuous_job.show_continuous_job),
        web.get(f"/pages/continuous/{_JOB}/lines", continuous_job.show_instance_lines),
        web.post(f"/pages/triggered/{_JOB}/run", once(actions.run_job)),
        web.post(f"/pages/triggered/{_JOB}/history/{{id}}/cancel", once(actions.cancel_run)),
        web.post(f"/pages/triggered/{_JOB}/history/{{id}}/rerun", once(actions.run_again)),
        web.post(f"/pages/continuous/{_JOB}/start", once(actions.start_job)),
        web.post(f"/pages/continuous/{_JOB}/stop", once(actions.stop_job)),
        web.post(f"/pages/continuous/{_JOB}/restart", once(actions.restart_job)),
        web.post(f"/pages/{_TYPE}/{_JOB}/files", new_job.deploy_files),
        web.get(f"/pages/{_TYPE}/{_JOB}/files", job_files.show_files),
        web.post(f"/pages/{_TYPE}/{_JOB}/file", once(job_files.save_file)),
        web.post(f"/pages/{_TYPE}/{_JOB}/settings", once(actions.change_settings)),
        web.post(f"/pages/{_TYPE}/{_JOB}/versions/{{digest}}/restore", once(actions.restore_version)),
        web.post(f"/pages/{_TYPE}/{_JOB}/delete", once(actions.delete_job)),
        web.post(ACKNOWLEDGEMENTS, once(acknowledgements_page.acknowledge_one)),
        web.post(
            f"{ACKNOWLEDGEMENTS}/{{acknowledgement}}/withdraw", once(acknowledgements_page.withdraw_one)
        ),
        web.post(bulk_pages.JOBS_PATH, once(bulk_pages.act_on_jobs)),
        web.post(bulk_pages.RUNS_PATH, once(bulk_pages.act_on_runs)),
        web.post("/pages/clock", actions.choose_clock),
        web.get("/assets/{file}", assets.get_asset),
        # The api about itself
        web.get("/docs", page.show_page),
        web.get("/openapi.json", openapi.get_document),
        web.get("/asyncapi.json", asyncapi.get_document),
        web.get("/schemas/{file}", schemas.get_schema),
    ]


def _job_routes(dialect: Dialect) -> list[web.RouteDef]:
    """What every dialect has, under its own paths."""
    triggered_jobs, continuous_jobs = (dialect.jobs_of(each) for each in JobType)
    jobs_of_type = dialect.jobs.replace("{type}", _TYPE)
    return [
        *([web.get(dialect.all_jobs, jobs.list_jobs)] if dialect.all_jobs else []),
        # Triggered jobs
        web.get(triggered_jobs, triggered.list_jobs),
        # Routes of one prefix are tried in order: first the one whose latency matters most.
        web.post(f"{triggered_jobs}/{_JOB}/run", runs.run_job),
        web.get(f"{triggered_jobs}/{_JOB}", triggered.get_job),
        web.get(f"{triggered_jobs}/{_JOB}/history", runs.get_history),
        web.get(f"{triggered_jobs}/{_JOB}/history/{{id}}", runs.get_run),
        web.delete(f"{triggered_jobs}/{_JOB}/history/{{id}}", run_control.cancel_run),
        web.post(f"{triggered_jobs}/{_JOB}/history/{{id}}/cancel", run_control.cancel_run),
        web.post(f"{triggered_jobs}/{_JOB}/history/{{id}}/rerun", run_control.rerun),
        web.get(f"{triggered_jobs}/{_JOB}/history/{{id}}/log", run_log.get_log),
        web.get(f"{triggered_jobs}/{_JOB}/history/{{id}}/log/search", line_handlers.get_search),
        web.get(f"{triggered_jobs}/{_JOB}/schedule", schedules.get_schedule),
        web.post(f"{triggered_jobs}/{_JOB}/import", run_imports.import_runs),
        # Continuous jobs
        web.get(continuous_jobs, continuous.list_jobs),
        web.get(f"{continuous_jobs}/{_JOB}", continuous.get_job),
        web.post(f"{continuous_jobs}/{_JOB}/start", continuous.start_job),
        web.post(f"{continuous_jobs}/{_JOB}/stop", continuous.stop_job),
        web.post(f"{continuous_jobs}/{_JOB}/restart", continuous.restart_job),
        web.route("*", f"{continuous_jobs}/{_JOB}/passthrough", passthrough.pass_through),
        web.route("*", f"{continuous_jobs}/{_JOB}/passthrough/{_PATH}", passthrough.pass_through),
        # Jobs of either type
        web.put(f"{jobs_of_type}/{_JOB}", deploy.put_job),
        web.delete(f"{jobs_of_type}/{_JOB}", deploy.delete_job),
        web.get(f"{jobs_of_type}/{_JOB}/settings", jobs.get_settings),
        web.put(f"{jobs_of_type}/{_JOB}/settings", jobs.put_settings),
        web.patch(f"{jobs_of_type}/{_JOB}/settings", jobs.patch_settings),
        web.get(f"{jobs_of_type}/{_JOB}/why", why.get_causes),
        web.get(f"{jobs_of_type}/{_JOB}/dependencies", dependencies.get_dependencies),
        web.get(f"{jobs_of_type}/{_JOB}/versions", versions.list_versions),
        web.get(f"{jobs_of_type}/{_JOB}/versions/{{digest}}/diff", version_diff.get_diff),
        web.post(f"{jobs_of_type}/{_JOB}/versions/{{digest}}/restore", versions.restore),
    ]


# Under `/jobs` a browser gets a page where a program gets the data.
_PAGES: Mapping[Handler, Handler] = {
    jobs.list_jobs: overview_page.show_index,
    triggered.get_job: triggered_job.show_triggered_job,
    continuous.get_job: continuous_job.show_continuous_job,
}


def _with_page(route: web.RouteDef) -> web.RouteDef:
    page = _PAGES.get(route.handler)
    if page is None:
        return route
    return web.RouteDef(route.method, route.path, by_accept(page, route.handler), route.kwargs)


def _log_streams(prefix: str) -> list[web.RouteDef]:
    return [
        web.get(prefix, logstream.follow_all),
        web.get(f"{prefix}/application", logstream.follow_all),
        web.get(f"{prefix}/{_TYPE}/{_JOB}", logstream.follow_job),
        web.get(f"{prefix}/{_TYPE}/{_JOB}/{{source}}", logstream.follow_source),
    ]


def with_trailing_slashes(definitions: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """Each route, and the same with a slash at its end."""
    return [
        web.RouteDef(route.method, path, route.handler, route.kwargs)
        for route in definitions
        for path in ([route.path] if route.path == "/" else [route.path, f"{route.path}/"])
    ]


def _under_both_prefixes(path: str, handler: Handler) -> list[web.RouteDef]:
    return [web.get(f"/vfs/{path}", handler), web.get(f"/api/vfs/{path}", handler)]
