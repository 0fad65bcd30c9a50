"""The intervals of heartbeats to followers while nothing happens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """Terms of every live answer.

    Attributes:
        heartbeat: Seconds between signs of life to a reader of server-sent events.
        log_heartbeat: Seconds without a line after which the log stream says so.
        retry_delay: Seconds between questions to a history that does not answer.
        log_patience: Seconds without a new byte after which the missing part of a log is given up.
        stuck: Seconds that a client may take nothing, after which it is cut off; of every answer.
    """

    heartbeat: float = 15.0
    log_heartbeat: float = 60.0
    retry_delay: float = 0.5
    log_patience: float = 30.0
    stuck: float = 60.0
