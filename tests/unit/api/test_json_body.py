"""Bodies of requests as Windows writes them."""

import json

import pytest
from webjobs_api.app_settings.requests import app_settings_of
from webjobs_api.hooks.errors import InvalidHook
from webjobs_api.hooks.hook_request import hook_of
from webjobs_api.http.json_body import json_text
from webjobs_api.http.request_errors import InvalidSettingsBody
from webjobs_api.http.requests import arm_settings_of, settings_of

ENCODINGS = pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])


@ENCODINGS
def test_settings_are_read_with_a_byte_order_mark_and_without(encoding: str) -> None:
    assert settings_of('{"mine": "\u00e4"}'.encode(encoding)) == {"mine": "\u00e4"}
    assert app_settings_of('{"A": "\u00e4"}'.encode(encoding)) == {"A": "\u00e4"}
    assert arm_settings_of('{"properties": {"settings": {"a": 1}}}'.encode(encoding)) == {"a": 1}


@ENCODINGS
def test_hooks_are_read_with_a_byte_order_mark_and_without(encoding: str) -> None:
    body = json.dumps({"url": "ftp://example.com", "event": "*"}).encode(encoding)
    with pytest.raises(InvalidHook) as fault:  # read, and refused for its address
        hook_of(body, "", {}, None)  # type: ignore[arg-type]
    assert "send JSON such as" not in str(fault.value)


@pytest.mark.parametrize("body", [b"\xff\xfe{", b"\xff\xfe\x00\xd8", b"{\0}\0", b"\xef\xbb\xbf", b"// x\n{}"])
def test_what_is_no_json_after_its_mark_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSettingsBody):
        settings_of(body)


def test_a_mark_within_the_text_stays() -> None:
    assert json_text(b'"\xef\xbb\xbf"') == b'"\xef\xbb\xbf"'
