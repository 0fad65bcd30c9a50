"""What the OpenAPI document says is true of a running webjobs, whatever is sent to it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from support.archives import zip_of
from support.background import in_background
from support.stack import RunningStack, webjobs_up
from webjobs_api.describe.handlers import encoded_document
from webjobs_api.routes import routes


def no_fault(context: Any, response: Any, case: Case) -> bool | None:
    """No 5xx but 503, where that is documented: a port may not listen, a busy part be slow."""
    if response.status_code == 503:
        return None
    return not_a_server_error(context, response, case)


CHECKS = [
    no_fault,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# These answers have no end, so there is nothing to hold against the document; test_live_* test them.
WITHOUT_END = (
    "/api/events",
    *(
        f"{prefix}/logstream{rest}"
        for prefix in ("/api", "")
        for rest in ("", "/application", "/{type}/{job}", "/{type}/{job}/{source}")
    ),
)
# The same every time and everywhere: a fault that is found is found again.
_ALIKE = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


def described(*, systematic: bool) -> Any:
    """The document with its own way of making requests.

    Args:
        systematic: Whether each limit of each value is tried on both sides, beside what chance brings.
    """
    document = json.loads(encoded_document(routes(), "1"))
    config = {
        "generation": {"mode": "all", "deterministic": True},
        "phases": {"coverage": {"enabled": systematic}},
    }
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config)).exclude(
        path=list(WITHOUT_END)
    )


@schemathesis.serializer("application/zip")
def archive(_context: Any, value: Any) -> bytes:
    """An archive with a script in it, or something that is none."""
    if isinstance(value, bytes):
        return value
    return zip_of({"run.sh": f"echo {len(str(value))}\n"}) if value else b"no archive"


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that may be filled with anything."""
    with in_background(webjobs_up(tmp_path_factory.mktemp("fuzz") / "data")) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept, and no look at the environment for each request."""
    with requests.Session() as kept:
        kept.trust_env = False
        yield kept


current = described(systematic=True).exclude(deprecated=True)
older = described(systematic=False).include(
    lambda context: bool(context.operation.definition.raw.get("deprecated"))
)


@current.parametrize()
@settings(max_examples=2, **_ALIKE)
def test_answers_are_as_documented(own_stack: RunningStack, session: requests.Session, case: Case) -> None:
    ask(own_stack, session, case)


@older.parametrize()
@settings(max_examples=1, **_ALIKE)
def test_answers_under_older_prefixes_are_as_documented(
    own_stack: RunningStack, session: requests.Session, case: Case
) -> None:
    ask(own_stack, session, case)


def is_of_a_file(case: Case) -> bool:
    """Whether the address of a job's folder names no type of jobs: then it is that of any other file."""
    return "App_Data" in case.path and (case.path_parameters or {}).get("type") not in (
        "triggered",
        "continuous",
    )


def ask(stack: RunningStack, session: requests.Session, case: Case) -> None:
    if is_of_a_file(case):
        return
    if case.query and "follow" in case.query:
        del case.query["follow"]  # a followed log of a continuous job has no end either
    case.call_and_validate(base_url=stack.url, session=session, checks=CHECKS, timeout=60)
