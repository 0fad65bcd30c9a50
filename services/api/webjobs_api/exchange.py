"""What every handler takes from a request and gives as an answer."""

import msgspec
from aiohttp import web
from webjobs_events.job import JobName, JobType, parse_job_name

from webjobs_api.urls import Urls

_encoder = msgspec.json.Encoder()


def job_name(request: web.Request) -> JobName:
    """The job that the address names.

    Raises:
        InvalidJobName: No job can have this name.
    """
    return parse_job_name(request.match_info["job"])


def job_type(request: web.Request) -> JobType:
    """The type that the address names, where it names one."""
    return JobType(request.match_info["type"])


def urls(request: web.Request) -> Urls:
    """Addresses as this client reaches them."""
    host = request.headers.get("Host")
    if host is None:  # HTTP/1.0 need not name one
        address = request.transport.get_extra_info("sockname") if request.transport else None
        host = f"{address[0]}:{address[1]}" if address else "localhost"
    return Urls(f"{request.scheme}://{host}")


def json(answer: object) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=_encoder.encode(answer), content_type="application/json", charset="utf-8")
