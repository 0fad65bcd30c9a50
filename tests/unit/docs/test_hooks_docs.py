"""The program in docs/hooks.md tells genuine calls from others."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from webjobs_api.hooks.signature import signature

PAGE = (Path(__file__).parents[3] / "docs" / "hooks.md").read_text()
BODY = b'{"a": 1}'


@pytest.fixture(scope="module")
def is_genuine() -> Callable[[str, dict[str, str], bytes], bool]:
    names: dict[str, Any] = {}
    exec(PAGE.split("```python\n")[1].split("```")[0], names)
    found: Callable[[str, dict[str, str], bytes], bool] = names["is_genuine"]
    return found


def headers(secret: str, at: int) -> dict[str, str]:
    return {
        "webhook-id": "msg",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, "msg", at, BODY),
    }


@pytest.mark.parametrize("secret", ["any words", "whsec_c2VjcmV0IGtleQ=="])
def test_the_documented_check_takes_our_calls_and_no_others(
    is_genuine: Callable[[str, dict[str, str], bytes], bool], secret: str
) -> None:
    now = int(time.time())
    assert is_genuine(secret, headers(secret, now), BODY)
    assert not is_genuine(secret, headers("another", now), BODY)
    assert not is_genuine(secret, headers(secret, now), BODY + b" ")
    assert not is_genuine(secret, headers(secret, now) | {"webhook-id": "other"}, BODY)
    assert not is_genuine(secret, headers(secret, now - 600), BODY)
