"""Which answers are compressed, and for whom."""

import gzip

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from webjobs_api.http.compression import compression_middleware, takes_gzip

LONG = b'{"a": "' + b"b" * 2000 + b'"}'


@pytest.mark.parametrize(
    "accepted",
    ["gzip", "GZIP", "x-gzip", "*", "deflate, gzip;q=1.0, *;q=0.5", "br , gzip;q=0.001", "identity;q=0,gzip"],
)
def test_gzip_is_taken(accepted: str) -> None:
    assert takes_gzip(accepted)


@pytest.mark.parametrize(
    "accepted",
    ["", "br, deflate", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzipped", "gzip;q=x", ";;,,"],
)
def test_gzip_is_not_taken(accepted: str) -> None:
    assert not takes_gzip(accepted)


async def answered(response: web.StreamResponse, accepted: str = "gzip") -> web.StreamResponse:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return response

    request = make_mocked_request("GET", "/", headers={"Accept-Encoding": accepted})
    return await compression_middleware(request, handler)


def json_of(body: bytes, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=body, content_type="application/json", headers=named)


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/problem+json", "text/html", "text/plain", "text/javascript"],
)
@pytest.mark.parametrize("size", [1025, 40_000])
async def test_long_text_is_compressed(media_type: str, size: int) -> None:
    response = await answered(web.Response(body=b"x" * size, content_type=media_type))
    assert isinstance(response, web.Response) and isinstance(response.body, bytes)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(response.body) == b"x" * size
    assert response.content_type == media_type


async def test_who_does_not_take_it_gets_the_same_uncompressed_and_caches_are_told() -> None:
    response = await answered(json_of(LONG, Vary="Accept"), "identity")
    assert isinstance(response, web.Response) and response.body == LONG
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize(
    "response",
    [
        json_of(b"x" * 1024),
        json_of(LONG, Content_Encoding="br"),
        json_of(LONG, Accept_Ranges="bytes"),
        json_of(LONG, Content_Range="bytes 0-2000/5000"),
        web.Response(body=LONG, content_type="application/zip"),
        web.Response(body=LONG, content_type="application/octet-stream"),
        web.Response(status=204),
        web.StreamResponse(headers={"Content-Type": "text/event-stream"}),
    ],
)
async def test_other_answers_are_left_as_they_are(response: web.StreamResponse) -> None:
    before = dict(response.headers), getattr(response, "body", None)
    assert await answered(response) is response
    assert (dict(response.headers), getattr(response, "body", None)) == before


async def test_a_compressed_answer_has_a_weak_tag() -> None:
    assert (await answered(json_of(LONG, ETag='"a"'))).headers["ETag"] == 'W/"a"'
    assert (await answered(json_of(LONG, ETag='W/"a"'))).headers["ETag"] == 'W/"a"'
    assert (await answered(json_of(LONG, ETag='"a"'), "")).headers["ETag"] == '"a"'
    assert (await answered(web.Response(status=304, headers={"ETag": 'W/"a"'}))).headers[
        "Vary"
    ] == "Accept-Encoding"
