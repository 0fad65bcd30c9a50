"""`GET /schemas/{file}`: the JSON Schemas of events, and of what people write."""

from collections.abc import Mapping

import msgspec
from aiohttp import web
from webjobs_events.schemas import event_schemas, schema_of
from webjobs_rules.job_settings import JobSettings

from webjobs_api.describe.errors import SchemaNotFound
from webjobs_api.http.problems import with_problems

MEDIA_TYPE = "application/schema+json"
SETTINGS_FILE = "settings.job.json"

_FILES: Mapping[str, bytes] = {
    name: msgspec.json.encode(schema)
    for name, schema in (event_schemas() | {SETTINGS_FILE: schema_of(JobSettings, SETTINGS_FILE)}).items()
}
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}  # for editors in browsers


@with_problems
async def get_schema(request: web.Request) -> web.Response:
    """`GET /schemas/{file}`."""
    name = request.match_info["file"]
    if name not in _FILES:
        raise SchemaNotFound(name)
    return web.Response(body=_FILES[name], content_type=MEDIA_TYPE, headers=_HEADERS)
