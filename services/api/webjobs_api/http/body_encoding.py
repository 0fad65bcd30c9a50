"""A body as its Content-Encoding says → the bytes that were encoded, up to a limit; pure."""

import zlib

from webjobs_api.http.request_errors import BrokenEncoding, UnknownEncoding

READABLE = ("gzip", "deflate")
"""The encodings that are decoded, as `Accept-Encoding` names them."""

_GZIP = ("gzip", "x-gzip")
_GZIP_WINDOW, _ZLIB_WINDOW, _BARE_WINDOW = 31, 15, -15  # as zlib wants them: with which head
_DEFLATED = 8  # lower half of the first byte of zlib's own format


def is_plain(encoding: str) -> bool:
    """Whether a Content-Encoding says that the body is as it is."""
    return encoding.strip().lower() in ("", "identity")


def decoded(body: bytes, encoding: str, limit: int) -> bytes | None:
    """The bytes that a body stands for; None when they are more than `limit`, of which no more is decoded.

    Args:
        body: As it came.
        encoding: Value of its Content-Encoding.
        limit: In bytes, of the result.

    Raises:
        UnknownEncoding: It is another encoding than gzip or deflate, or several.
        BrokenEncoding: The body is not of this encoding, or its end is missing.
    """
    name = encoding.strip().lower()
    if is_plain(name):
        return body if len(body) <= limit else None
    if name not in (*_GZIP, "deflate"):
        raise UnknownEncoding(encoding, READABLE)
    if not body:
        return body
    found = bytearray()
    while body:
        window = _GZIP_WINDOW if name in _GZIP else _window_of_deflate(body)
        member = zlib.decompressobj(window)
        try:
            found += member.decompress(body, limit + 1 - len(found))
        except zlib.error as error:
            raise BrokenEncoding(name) from error
        if len(found) > limit:
            return None
        if not member.eof:
            raise BrokenEncoding(name, is_cut=True)
        body = member.unused_data  # a body of gzip may have several members
        if body and name not in _GZIP:
            raise BrokenEncoding(name)
    return bytes(found)


def _window_of_deflate(body: bytes) -> int:
    """Some clients send deflate without the head that HTTP wants before it."""
    return _ZLIB_WINDOW if body[0] & 0x0F == _DEFLATED else _BARE_WINDOW
