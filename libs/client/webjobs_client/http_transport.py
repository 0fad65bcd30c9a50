"""Carries out requests with `http.client`; connections are kept and used again, from any thread."""

import http.client
import select
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from webjobs_client.address import Address
from webjobs_client.errors import InvalidRequest
from webjobs_client.exchange import Answer, Broken, Request, Upload

STREAM_SILENCE = 45.0
"""Seconds without a byte after which a stream counts as broken: it has a sign of life every 15 s."""

UNSENDABLE = "The request cannot be sent: its path or a header holds a character that HTTP does not allow."

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_LONGEST_IDLE = 30.0  # seconds; the api closes a connection that is idle for 75 s
_CHUNK = 64 * 1024  # bytes


class HttpStream:
    """The body of an answer that is read as it comes."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response

    def read(self) -> bytes:
        """Returns what has come; nothing at the end.

        Raises:
            Broken: The connection ended before the stream did.
        """
        with _as_broken(STREAM_SILENCE):
            data = self._response.read1(_CHUNK)
        if not data and self._response.length:
            raise Broken("the answer broke off", was_sent=True)
        return data

    def close(self) -> None:
        """Leave the stream."""
        self._response.close()
        self._connection.close()


class HttpTransport:
    """Sends requests to one api.

    Args:
        address: Of the api.
        timeout: Seconds to wait for a connection, and for each part of an answer.
        user_agent: Names the client; events show it as what started a run.
        tls: For https; by default the certificates of this machine count.
    """

    def __init__(
        self, address: Address, timeout: float, user_agent: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._headers = headers_of(address, user_agent)
        self._tls = tls
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []

    def send(self, request: Request) -> Answer:
        """Returns the answer with its body.

        Raises:
            Broken: There was none.
        """
        connection, response = self._respond(request)
        try:
            with _as_broken(self._timeout):
                body = response.read()
        except Broken:
            connection.close()
            raise
        self._keep(connection, response)
        return Answer(response.status, _lower(response), body)

    def open(self, request: Request) -> tuple[Answer, HttpStream | None]:
        """Returns the head of a good answer with its stream; an error has its body instead.

        Raises:
            Broken: There was no answer.
        """
        connection, response = self._respond(request)
        if response.status == 200:
            if connection.sock is not None:
                connection.sock.settimeout(STREAM_SILENCE)
            return Answer(200, _lower(response)), HttpStream(connection, response)
        try:
            with _as_broken(self._timeout):
                body = response.read()
        finally:
            connection.close()
        return Answer(response.status, _lower(response), body), None

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop()[0].close()

    def _respond(self, request: Request) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = self._kept() or self._connected()
        body = request.body
        headers = {**self._headers, **dict(request.headers)}
        if isinstance(body, Upload):
            headers["Content-Length"] = str(body.size)
        try:
            with _as_broken(self._timeout):
                try:
                    connection.request(
                        request.method,
                        self._address.prefix + request.target,
                        body=body.chunks() if isinstance(body, Upload) else body,
                        headers=headers,
                    )
                except (BrokenPipeError, ConnectionResetError):
                    # An upload that is refused: the answer came before all of the body was sent.
                    return connection, connection.getresponse()
                return connection, connection.getresponse()
        except ValueError as error:
            connection.close()
            raise InvalidRequest(UNSENDABLE) from error
        except BaseException:
            connection.close()
            raise

    def _connected(self) -> http.client.HTTPConnection:
        address = self._address
        connection: http.client.HTTPConnection
        if address.scheme == "https":
            connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=self._timeout, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)
        with _as_broken(self._timeout, was_sent=False):
            connection.connect()
        return connection

    def _kept(self) -> http.client.HTTPConnection | None:
        """Returns a connection that is still open; the server may have closed it meanwhile."""
        while self._idle:
            with suppress(IndexError):  # another thread took it
                connection, since = self._idle.pop()
                if time.monotonic() - since < _LONGEST_IDLE and _is_silent(connection):
                    return connection
                connection.close()
        return None

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close:
            connection.close()
        else:
            self._idle.append((connection, time.monotonic()))


def headers_of(address: Address, user_agent: str) -> dict[str, str]:
    """Returns the headers of every request."""
    headers = {"Accept": "application/json, application/problem+json, */*", "User-Agent": user_agent}
    if address.authorization is not None:
        headers["Authorization"] = address.authorization
    return headers


def _is_silent(connection: http.client.HTTPConnection) -> bool:
    """Returns whether a connection that waits has nothing to read: neither an answer nor its end."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


def _lower(response: http.client.HTTPResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in response.getheaders())


def tls_broken(error: ssl.SSLError, was_sent: bool) -> Broken:
    """Returns what it means that TLS failed; without TLS at the other end no further try helps."""
    if error.reason in _NO_TLS:
        return Broken("what listens there does not speak TLS (https://)", was_sent=False, may_pass=False)
    return Broken(f"TLS failed: {error.reason or error}", was_sent=was_sent)


@contextmanager
def _as_broken(timeout: float, *, was_sent: bool = True) -> Iterator[None]:
    """Turns what a connection can raise into `Broken`."""
    try:
        yield
    except TimeoutError as error:
        raise Broken(f"no answer within {timeout:g} s", was_sent=was_sent) from error
    except ssl.SSLCertVerificationError as error:
        raise Broken(
            f"its certificate is not valid: {error.verify_message}", was_sent=False, may_pass=False
        ) from error
    except ssl.SSLError as error:
        raise tls_broken(error, was_sent) from error
    except ConnectionError as error:
        raise Broken(error.strerror or "the connection was closed", was_sent=was_sent) from error
    except OSError as error:
        raise Broken(error.strerror or type(error).__name__, was_sent=was_sent) from error
    except http.client.BadStatusLine as error:
        raise Broken("the answer is no HTTP", was_sent=was_sent) from error
    except http.client.HTTPException as error:
        raise Broken("the answer broke off", was_sent=was_sent) from error
