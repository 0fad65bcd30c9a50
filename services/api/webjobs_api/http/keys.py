"""Keys under which handlers find what `app.py` has wired."""

from aiohttp import web
from webjobs_events.jetstream import Bus, LiveSettings
from webjobs_service.route_spelling import RouteSpelling

from webjobs_api.backends.history import History
from webjobs_api.backends.known_jobs import KnownJobs
from webjobs_api.backends.refusals import Refusals
from webjobs_api.backends.runners import Runners
from webjobs_api.backends.storage import Storage
from webjobs_api.describe.late_document import LateDocument
from webjobs_api.hooks.hooks import Hooks
from webjobs_api.http.live import Live
from webjobs_api.jobs.commands import JobCommands
from webjobs_api.jobs.deployments import Deployments
from webjobs_api.passthrough.job_tunnels import JobTunnels
from webjobs_api.runs.idempotency import IdempotentInvocations
from webjobs_api.runs.runs import Runs
from webjobs_api.runs.start import Invocations
from webjobs_api.schedules.ticks import Ticks
from webjobs_api.settings import ApiSettings
from webjobs_api.site_deployments.deployer import SiteDeployments
from webjobs_api.site_files.runner_files import RunnerFiles

ASYNCAPI = web.AppKey("asyncapi", LateDocument)
BUS = web.AppKey("bus", Bus)
COMMANDS = web.AppKey("commands", JobCommands)
DEFINITIONS = web.AppKey("definitions", KnownJobs)
DEPLOYMENTS = web.AppKey("deployments", Deployments)
FILES = web.AppKey("files", RunnerFiles)
HISTORY = web.AppKey("history", History)
HOOKS = web.AppKey("hooks", Hooks)
IDEMPOTENT_INVOCATIONS = web.AppKey("idempotent_invocations", IdempotentInvocations)
INVOCATIONS = web.AppKey("invocations", Invocations)
JOB_TUNNELS = web.AppKey("job_tunnels", JobTunnels)
LIVE = web.AppKey("live", Live)
LIVE_SETTINGS = web.AppKey("live_settings", LiveSettings)
OPENAPI = web.AppKey("openapi", LateDocument)
REFUSALS = web.AppKey("refusals", Refusals)
RUNNERS = web.AppKey("runners", Runners)
RUNS = web.AppKey("runs", Runs)
SETTINGS = web.AppKey("settings", ApiSettings)
SPELLING = web.AppKey("spelling", RouteSpelling)
SITE_DEPLOYMENTS = web.AppKey("site_deployments", SiteDeployments)
STORAGE = web.AppKey("storage", Storage)
TICKS = web.AppKey("ticks", Ticks)
