"""Questions and answers over NATS request/reply: endpoints of a NATS micro service, and asking one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import nats.errors
from nats import micro
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, GroupConfig, ServiceConfig
from webjobs_rules.errors import WebJobsError

from webjobs_events.errors import NoResponders
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.log import logger

Handler = Callable[[bytes], Awaitable[bytes]]
_ERROR_CODE = "Nats-Service-Error-Code"
_ERROR_TEXT = "Nats-Service-Error"
_FINISH_TIMEOUT = 2.0  # seconds that questions have to be answered when the service ends


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
    """Answer `group.<endpoint>` with its handler; replicas share the load, and no question waits for another.

    A handler that raises `QueryRefused` answers its code; any other exception answers 500.
    """
    answering: set[asyncio.Task[None]] = set()
    service = await micro.add_service(connection.client, ServiceConfig(name=name, version=version))
    try:
        endpoints = service.add_group(config=GroupConfig(name=group))
        for endpoint, handler in handlers.items():
            await endpoints.add_endpoint(
                EndpointConfig(name=endpoint, handler=_answering(endpoint, handler, answering))
            )
        yield
    finally:
        if not connection.client.is_closed:
            await service.stop()
        await _finish(answering)


def _answering(
    endpoint: str, handler: Handler, answering: set[asyncio.Task[None]]
) -> Callable[[Request], Awaitable[None]]:
    async def handle_request(request: Request) -> None:
        try:
            await request.respond(await handler(request.data))
        except QueryRefused as error:
            await request.respond_error(str(error.code), error.text)
        except Exception as error:
            logger.exception("question not answered", endpoint=endpoint)
            await request.respond_error("500", describe(error))

    async def take(request: Request) -> None:
        task = asyncio.create_task(handle_request(request), name=f"answer {endpoint}")
        answering.add(task)
        task.add_done_callback(_forget)

    def _forget(task: asyncio.Task[None]) -> None:
        answering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("answer not sent", endpoint=endpoint, error=describe(error))

    return take


async def _finish(answering: set[asyncio.Task[None]]) -> None:
    if not answering:
        return
    _, late = await asyncio.wait(set(answering), timeout=_FINISH_TIMEOUT)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)


async def ask(connection: Connection, subject: str, data: bytes, *, timeout: float = 5.0) -> bytes:
    """The answer to a question.

    Raises:
        QueryRefused: The endpoint answered with an error.
        NoResponders: No service takes requests on this subject.
        BusUnavailable: No service answers at the moment.
    """
    async with connection.asking(f"asking {subject}"):
        try:
            reply = await connection.client.request(subject, data, timeout=timeout)
        except nats.errors.NoRespondersError as error:
            raise NoResponders(subject) from error
    headers = reply.headers or {}
    if _ERROR_CODE in headers:
        raise QueryRefused(int(headers[_ERROR_CODE]), headers.get(_ERROR_TEXT, ""))
    return reply.data
