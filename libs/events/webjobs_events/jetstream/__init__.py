"""The vocabulary on NATS JetStream: the only package of the project that imports nats."""

from webjobs_events.jetstream.bucket import Bucket
from webjobs_events.jetstream.bus import Bus, connect_bus
from webjobs_events.jetstream.copies import StreamCopies, connect_alone
from webjobs_events.jetstream.definitions import Definitions, JobKey, Listener
from webjobs_events.jetstream.entry import Entry, is_removal
from webjobs_events.jetstream.live_settings import LiveSettings
from webjobs_events.jetstream.message import StreamMessage
from webjobs_events.jetstream.mirror import BucketMirror
from webjobs_events.jetstream.objects import ObjectNotFound
from webjobs_events.jetstream.pipeline import PublishPipeline
from webjobs_events.jetstream.queue import KEEP_SECONDS, ConsumerTerms, QueuedMessage, TakenMessage, WorkQueue
from webjobs_events.jetstream.reader import StreamReader
from webjobs_events.jetstream.service import QueryRefused
from webjobs_events.jetstream.service_metrics import collect_metrics, metrics_served
from webjobs_events.jetstream.space import lacks_space
from webjobs_events.jetstream.stream_state import (
    StreamState,
    first_after,
    first_since,
    purge_until,
    stored_at_ns,
    stream_state,
)
from webjobs_events.jetstream.subscriptions import end_subscription, subscription_names
from webjobs_events.jetstream.tunnel_transport import TunnelTransport
from webjobs_events.jetstream.tunnels import Tunnels

__all__ = [
    "KEEP_SECONDS",
    "Bucket",
    "BucketMirror",
    "Bus",
    "ConsumerTerms",
    "Definitions",
    "Entry",
    "JobKey",
    "Listener",
    "LiveSettings",
    "ObjectNotFound",
    "PublishPipeline",
    "QueryRefused",
    "QueuedMessage",
    "StreamCopies",
    "StreamMessage",
    "StreamReader",
    "StreamState",
    "TakenMessage",
    "TunnelTransport",
    "Tunnels",
    "WorkQueue",
    "collect_metrics",
    "connect_alone",
    "connect_bus",
    "end_subscription",
    "first_after",
    "first_since",
    "is_removal",
    "lacks_space",
    "metrics_served",
    "purge_until",
    "stored_at_ns",
    "stream_state",
    "subscription_names",
]
