"""Questions and answers over NATS request/reply: endpoints of a NATS micro service, and asking one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import nats.errors
from nats import micro
from nats.micro.request import Request, ServiceError
from nats.micro.service import EndpointConfig, GroupConfig, ServiceConfig

from webjobs_events.errors import BusUnavailable, WebJobsError
from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.publish import describe, require_connection

Handler = Callable[[bytes], Awaitable[bytes]]
_ERROR_CODE = "Nats-Service-Error-Code"
_ERROR_TEXT = "Nats-Service-Error"


class QueryRefused(WebJobsError):
    """An endpoint answered with an error.

    Attributes:
        code: As in HTTP: 400 for a bad query, 503 when what the endpoint needs is away.
        text: A sentence.
    """

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(text)


@asynccontextmanager
async def serve_endpoints(
    connection: Connection, name: str, version: str, group: str, handlers: Mapping[str, Handler]
) -> AsyncIterator[None]:
    """Answer `group.<endpoint>` with its handler; replicas share the load.

    A handler that raises `QueryRefused` answers its code; any other exception answers 500.
    """
    service = await micro.add_service(connection.client, ServiceConfig(name=name, version=version))
    try:
        endpoints = service.add_group(config=GroupConfig(name=group))
        for endpoint, handler in handlers.items():
            await endpoints.add_endpoint(EndpointConfig(name=endpoint, handler=_answering(handler)))
        yield
    finally:
        if not connection.client.is_closed:
            await service.stop()


def _answering(handler: Handler) -> Callable[[Request], Awaitable[None]]:
    async def answer(request: Request) -> None:
        try:
            reply = await handler(request.data)
        except QueryRefused as error:
            raise ServiceError(str(error.code), error.text) from error
        except Exception as error:
            raise ServiceError("500", describe(error)) from error
        await request.respond(reply)

    return answer


async def ask(connection: Connection, subject: str, data: bytes, *, timeout: float = 5.0) -> bytes:
    """The answer to a question.

    Raises:
        QueryRefused: The endpoint answered with an error.
        BusUnavailable: Nobody answers this question at the moment.
    """
    doing = f"asking {subject}"
    require_connection(connection.client, doing)
    try:
        reply = await connection.client.request(subject, data, timeout=timeout)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailable(doing, describe(error)) from error
    headers = reply.headers or {}
    if _ERROR_CODE in headers:
        raise QueryRefused(int(headers[_ERROR_CODE]), headers.get(_ERROR_TEXT, ""))
    return reply.data
