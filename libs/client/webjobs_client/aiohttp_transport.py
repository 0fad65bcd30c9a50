"""Carries out requests with aiohttp."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
from yarl import URL

from webjobs_client.address import Address
from webjobs_client.errors import InvalidRequest
from webjobs_client.exchange import Answer, Broken, Request, Upload
from webjobs_client.http_transport import STREAM_SILENCE, UNSENDABLE, headers_of, tls_broken


class AiohttpTransport:
    """Sends requests to one api; the arguments are those of `HttpTransport`."""

    def __init__(
        self, address: Address, timeout: float, user_agent: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._headers = headers_of(address, user_agent)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Answer:
        """Returns the answer with its body.

        Raises:
            Broken: There was none.
        """
        with _as_broken(self._timeout):
            async with await self._respond(request, self._timeout) as response:
                return Answer(response.status, _lower(response), await response.read())

    async def open(self, request: Request) -> tuple[Answer, aiohttp.ClientResponse | None]:
        """Returns the head of a good answer with its stream; an error has its body instead.

        Raises:
            Broken: There was no answer.
        """
        with _as_broken(self._timeout):
            response = await self._respond(request, STREAM_SILENCE)
            if response.status == 200:
                return Answer(200, _lower(response)), response
            async with response:
                return Answer(response.status, _lower(response), await response.read()), None

    async def read(self, stream: aiohttp.ClientResponse) -> bytes:
        """Returns what has come of a stream; nothing at the end.

        Raises:
            Broken: The connection ended before the stream did.
        """
        with _as_broken(STREAM_SILENCE):
            return await stream.content.readany()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _respond(self, request: Request, silence: float) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers = {**self._headers, **dict(request.headers)}
        if isinstance(request.body, Upload):
            headers["Content-Length"] = str(request.body.size)
        try:
            return await self._session.request(
                request.method,
                URL(self._address.url + request.target, encoded=True),
                data=_read(request.body) if isinstance(request.body, Upload) else request.body,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls if self._tls is not None else True,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=silence),
            )
        except ValueError as error:
            raise InvalidRequest(UNSENDABLE) from error


async def _read(upload: Upload) -> AsyncIterator[bytes]:
    chunks = upload.chunks()
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _lower(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in response.headers.items())


@contextmanager
def _as_broken(timeout: float) -> Iterator[None]:
    """Turns what aiohttp can raise into `Broken`."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        reason = (
            f"its certificate is not valid: {getattr(error.certificate_error, 'verify_message', 'unknown')}"
        )
        raise Broken(reason, was_sent=False, may_pass=False) from error
    except aiohttp.ClientConnectorSSLError as error:
        cause = error.os_error
        raise (
            tls_broken(cause, was_sent=False)
            if isinstance(cause, ssl.SSLError)
            else Broken(f"TLS failed: {cause}", was_sent=False)
        ) from error
    except aiohttp.ClientConnectorError as error:
        raise Broken(error.os_error.strerror or "no connection", was_sent=False) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise Broken(f"no answer within {timeout:g} s", was_sent=False) from error
    except TimeoutError as error:
        raise Broken(f"no answer within {timeout:g} s", was_sent=True) from error
    except aiohttp.ClientResponseError as error:
        raise Broken("the answer is no HTTP", was_sent=True) from error
    except aiohttp.ClientPayloadError as error:
        raise Broken("the answer broke off", was_sent=True) from error
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise Broken(
            getattr(error, "strerror", None) or "the connection was closed", was_sent=True
        ) from error
