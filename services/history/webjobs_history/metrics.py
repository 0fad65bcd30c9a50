"""The metrics of history."""

from prometheus_client import Counter, Gauge

EVENTS = Counter("webjobs_history_events", "Events folded into the projection")
BATCHES = Counter("webjobs_history_batches", "Transactions that folded events")
REFUSED = Counter("webjobs_history_refused", "Events that repeated another or came too late: nothing changed")
PARKED = Counter("webjobs_history_parked", "Messages that could not be read and went to the dead letters")
PURGED = Counter("webjobs_history_purged_runs", "Runs that retention asked to remove")
QUERIES = Counter("webjobs_history_queries", "Queries answered", ["endpoint", "code"])
POSITION = Gauge("webjobs_history_position", "Sequence of the last event this replica knows to be projected")
LAG = Gauge("webjobs_history_lag", "Events in the stream that are not projected yet, by who projects")
LOSSES = Gauge(
    "webjobs_history_stream_losses", "Times that the stream of events lost what rows were made from"
)
PROJECTING = Gauge("webjobs_history_projecting", "1 on the replica that projects")
