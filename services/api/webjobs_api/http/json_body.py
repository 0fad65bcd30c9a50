"""The JSON in the body of a request, as UTF-8 without a byte order mark; pure."""

import codecs

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def json_text(body: bytes) -> bytes:
    """Returns the body without a byte order mark, and as UTF-8 where the mark says UTF-16.

    Windows PowerShell and editors on Windows write such marks. A body that is not what its mark says is
    returned as it is, so that its reader refuses it.
    """
    if body.startswith(codecs.BOM_UTF8):
        return body.removeprefix(codecs.BOM_UTF8)
    if body.startswith(_UTF_16):
        try:
            return body.decode("utf-16").encode()
        except UnicodeError:
            return body
    return body
