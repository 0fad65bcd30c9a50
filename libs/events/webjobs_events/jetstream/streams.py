"""The JetStream objects of webjobs: declared here, and ensured by the service that connects first."""

import asyncio
from dataclasses import replace

from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

from webjobs_events.errors import BusUnavailable, ReplicasUnsupported
from webjobs_events.jetstream.erasure import REVISIONS
from webjobs_events.jetstream.stream_looks import LookedConfig, StreamLook
from webjobs_events.log import logger
from webjobs_events.subjects import Subjects

_DUPLICATE_WINDOW = 15 * 60.0  # seconds; spares readers most repeats, nothing relies on it
_MARKER_TTL = 60.0  # seconds that the trace of an expired key stays, for those who watch
_PUBLISHED_AGE = 7 * 86_400.0  # seconds; longer than any delivery is tried
_DELIVERIES_AGE = 14 * 86_400.0  # seconds
_DELIVERIES_PER_HOOK = 1000
NAME_TAKEN = 10058  # JSStreamNameExistErr: there is one of this name with another configuration
_NOT_CLUSTERED = 10074  # JSStreamReplicasNotSupportedErr: one server alone keeps one replica
_RETRY_DELAY = 0.5  # seconds between tries


def stream_configs(subjects: Subjects, replicas: int = 1) -> list[api.StreamConfig]:
    """Every stream, bucket and object store with its policy, kept by so many servers of a cluster."""
    return [replace(config, num_replicas=replicas) for config in _policies(subjects)]


def _policies(subjects: Subjects) -> list[api.StreamConfig]:
    return [
        api.StreamConfig(
            name=subjects.commands_stream,
            description="Commands for runners: one unfinished command a subject, a second one is refused",
            subjects=[subjects.all_commands],
            retention=api.RetentionPolicy.WORK_QUEUE,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            discard_new_per_subject=True,
            max_msgs_per_subject=1,
            duplicate_window=_DUPLICATE_WINDOW,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.events_stream,
            description="Everything that happened to jobs, runs and runners, in order",
            subjects=[subjects.all_events],
            storage=api.StorageType.FILE,
            duplicate_window=_DUPLICATE_WINDOW,
            deny_delete=True,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.logs_stream,
            description="What scripts wrote, in chunks; purged with the run",
            subjects=[subjects.all_logs],
            storage=api.StorageType.FILE,
            duplicate_window=_DUPLICATE_WINDOW,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.dead_letters_stream,
            description="Copies of messages that could not be read",
            subjects=[subjects.all_dead_letters],
            storage=api.StorageType.FILE,
            max_msgs=10_000,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.published_stream,
            description="What was given to the api to be sent to hooks",
            subjects=[subjects.all_published],
            storage=api.StorageType.FILE,
            max_age=_PUBLISHED_AGE,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.deliveries_stream,
            description="Every try to deliver something to a hook, for people to look at",
            subjects=[subjects.all_deliveries],
            storage=api.StorageType.FILE,
            max_age=_DELIVERIES_AGE,
            max_msgs_per_subject=_DELIVERIES_PER_HOOK,
            allow_direct=True,
        ),
        _bucket_config(subjects.jobs_bucket, "Job definitions", holds_secrets=True),
        _bucket_config(subjects.settings_bucket, "App settings", holds_secrets=True),
        _bucket_config(
            subjects.requests_bucket,
            "Requests under an Idempotency-Key, for two days; deployments of packages",
        ),
        _bucket_config(subjects.leases_bucket, "Heartbeats, singleton leases and claims of runs"),
        _bucket_config(subjects.hooks_bucket, "Hooks, and how far each has come", holds_secrets=True),
        _object_store_config(subjects.packages_bucket, "Job packages by digest, and uploads"),
    ]


def _bucket_config(bucket: str, description: str, *, holds_secrets: bool = False) -> api.StreamConfig:
    """A bucket; one with secrets keeps replaced values until they are overwritten, which is a deletion."""
    return api.StreamConfig(
        name=f"KV_{bucket}",
        description=description,
        subjects=[f"$KV.{bucket}.>"],
        storage=api.StorageType.FILE,
        max_msgs_per_subject=REVISIONS if holds_secrets else 1,
        discard=api.DiscardPolicy.NEW,
        deny_delete=not holds_secrets,
        allow_rollup_hdrs=True,
        allow_direct=True,
        allow_msg_ttl=True,
        subject_delete_marker_ttl=_MARKER_TTL,
        duplicate_window=120.0,
    )


def _object_store_config(bucket: str, description: str) -> api.StreamConfig:
    return api.StreamConfig(
        name=f"OBJ_{bucket}",
        description=description,
        subjects=[f"$O.{bucket}.C.>", f"$O.{bucket}.M.>"],
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        allow_rollup_hdrs=True,
        allow_direct=True,
    )


def missing_messages(info: api.StreamInfo | StreamLook) -> int:
    """How many messages a stream should have and does not: those that damage of its files, or a purge, took.

    Messages that its limits removed are not missing. A stream whose single messages can be deleted, such as
    a bucket, has none to speak of.
    """
    config, state = info.config, info.state
    if not config.deny_delete or (config.max_msgs_per_subject or -1) > 0:
        return 0
    between = max(0, state.last_seq - _first_of(info) + 1 - state.messages)
    return between if _is_limited(config) else between + _before_first(info)


def expired_messages(info: api.StreamInfo | StreamLook) -> int:
    """How many messages the limits of a stream have removed from its beginning."""
    return _before_first(info) if _is_limited(info.config) else 0


def _is_limited(config: api.StreamConfig | LookedConfig) -> bool:
    return bool(config.max_age) or (config.max_msgs or -1) > 0 or (config.max_bytes or -1) > 0


def _first_of(info: api.StreamInfo | StreamLook) -> int:
    return info.state.first_seq if info.state.messages else info.state.last_seq + 1


def _before_first(info: api.StreamInfo | StreamLook) -> int:
    return max(0, _first_of(info) - max(1, info.config.first_seq or 1))


async def ensure_streams(
    js: JetStreamContext, subjects: Subjects, *, replicas: int = 1, patience: float = 0.0
) -> None:
    """Create what is missing; what exists is left as its operator configured it.

    Args:
        js: Where.
        subjects: Names of everything.
        replicas: Servers that keep each stream which is created.
        patience: Seconds to go on trying: a server that has just started answers before its JetStream does.

    Raises:
        BusUnavailable: JetStream does not answer, is not enabled on this server, or lacks servers for the
            replicas.
        ReplicasUnsupported: More than one replica is asked for, and the server is not part of a cluster.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + patience
    while True:
        try:
            await asyncio.gather(*(_ensure(js, config) for config in stream_configs(subjects, replicas)))
            return
        except BusUnavailable as error:
            if loop.time() >= give_up_at:
                raise
            logger.warning("jetstream is not ready", error=str(error))
            await asyncio.sleep(_RETRY_DELAY)


async def _ensure(js: JetStreamContext, config: api.StreamConfig) -> None:
    try:
        await js.add_stream(config)
    except js_errors.APIError as error:
        if error.err_code == _NOT_CLUSTERED:
            raise ReplicasUnsupported(config.num_replicas or 1) from error
        if error.err_code != NAME_TAKEN:
            raise BusUnavailable(f"making the stream {config.name}", str(error)) from error
    except Exception as error:
        raise BusUnavailable(
            f"making the stream {config.name}", str(error) or type(error).__name__
        ) from error
