"""The Python client of webjobs: `Client` waits for each answer, `AsyncClient` is for asyncio."""

from typing import TYPE_CHECKING, Any

from webjobs_client.client import Client, Run
from webjobs_client.errors import (
    ERRORS,
    AlreadyRunning,
    ChangedMeanwhile,
    ClientError,
    Conflict,
    ContactLost,
    Forbidden,
    Gone,
    InvalidAnswer,
    InvalidRequest,
    JobNotFound,
    NoSpace,
    NotFound,
    RunNotFound,
    ServerFailed,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from webjobs_client.models import Event, JobDetails, JobRow, RunDetails

if TYPE_CHECKING:
    from webjobs_client.async_client import AsyncClient, AsyncRun

__all__ = [
    "ERRORS",
    "AlreadyRunning",
    "AsyncClient",
    "AsyncRun",
    "ChangedMeanwhile",
    "Client",
    "ClientError",
    "Conflict",
    "ContactLost",
    "Event",
    "Forbidden",
    "Gone",
    "InvalidAnswer",
    "InvalidRequest",
    "JobDetails",
    "JobNotFound",
    "JobRow",
    "NoSpace",
    "NotFound",
    "Run",
    "RunDetails",
    "RunNotFound",
    "ServerFailed",
    "TimedOut",
    "Unauthorized",
    "Unavailable",
]


def __getattr__(name: str) -> Any:
    # aiohttp costs more to import than all the rest; only who uses it waits for it.
    if name in ("AsyncClient", "AsyncRun"):
        from webjobs_client import async_client

        return getattr(async_client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
