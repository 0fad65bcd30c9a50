"""Bodies with a Content-Encoding: decoded whole and within a limit, or refused with what to do."""

import gzip
import zlib

import pytest
from webjobs_api.http.body_encoding import decoded
from webjobs_api.http.request_errors import BrokenEncoding, UnknownEncoding

TEXT = b'{"arguments": "one two"}' * 20
BARE = zlib.compressobj(wbits=-15)
BARE_TEXT = BARE.compress(TEXT) + BARE.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        (" GZip ", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:99], mtime=0) + gzip.compress(TEXT[99:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", BARE_TEXT),
    ],
)
def test_what_was_encoded_comes_back(encoding: str, body: bytes) -> None:
    assert decoded(body, encoding, len(TEXT)) == TEXT
    assert decoded(body, encoding, len(TEXT) - 1) is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_nothing_stays_nothing(encoding: str) -> None:
    assert decoded(b"", encoding, 10) == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip;q=1", "x" * 200])
def test_other_encodings_are_named_with_those_that_are_read(encoding: str) -> None:
    with pytest.raises(UnknownEncoding) as caught:
        decoded(b"{}", encoding, 10)
    assert str(caught.value).startswith(f"A body with Content-Encoding: {encoding[:40]} cannot be read.")
    assert str(caught.value).endswith("Send it as it is, or as gzip or deflate.")
    assert caught.value.http_headers == {"Accept-Encoding": "gzip, deflate"}


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip", b"no gzip at all", "is not gzip"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9], "is gzip without its end"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:12], "is gzip without its end"),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"and more", "is not gzip"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-8] + b"\0" * 8, "is not gzip"),  # a wrong checksum
        ("deflate", b"\xff\xff no deflate", "is not deflate"),
        ("deflate", zlib.compress(TEXT)[:-5], "is deflate without its end"),
        ("deflate", zlib.compress(TEXT) + b"and more", "is not deflate"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(encoding: str, body: bytes, reason: str) -> None:
    with pytest.raises(BrokenEncoding, match=f"The body {reason}, though its Content-Encoding says so"):
        decoded(body, encoding, 10_000)


def test_a_bomb_is_decoded_up_to_the_limit_only() -> None:
    pieces = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(pieces.compress(b"\0" * 1_000_000) for _ in range(300)) + pieces.flush()
    assert len(bomb) < 400_000
    assert decoded(bomb, "gzip", 1_000_000) is None
