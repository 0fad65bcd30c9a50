"""A bus, a caller and an event recorder for tests that run whole runners."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import structlog
from support.event_recorder import EventRecorder, recorder_of
from support.package_index import PackageIndex
from support.runners import RunningRunner, StartRunner, running_runner
from webjobs_events.jetstream import Bus


@pytest.fixture(autouse=True)
def plain_stacks() -> Iterator[None]:
    """Log stacks as services do: the rich ones block the event loop for seconds on a busy machine."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def recorder(bus: Bus) -> AsyncIterator[EventRecorder]:
    async with recorder_of(bus) as following:
        yield following


@pytest.fixture
def instance_id() -> str:
    """An id for a runner that is started more than once; no other test on this machine has it."""
    return secrets.token_hex(3)


@pytest.fixture
def start_runner(bus: Bus, nats_url: str, tmp_path: Path, index: PackageIndex) -> StartRunner:
    """For modules with an `index`."""

    def start(
        *, instance_id: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> AbstractAsyncContextManager[RunningRunner]:
        return running_runner(
            bus, nats_url, tmp_path, instance_id=instance_id, environment=index.variables, settings=settings
        )

    return start
