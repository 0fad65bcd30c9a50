"""Raises streams that have fewer replicas than the settings ask for; none is lowered."""

import asyncio
from typing import Any

import msgspec

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.connection import Connection
from webjobs_events.log import logger

_ANSWER_TIMEOUT = 2.0  # seconds
_RETRY_SECONDS = 30.0  # between tries to raise a stream
_NO_PEERS = 10005  # JSClusterNoPeersErrF


class Replicas:
    """Compares the replicas of each stream with the number that is asked for.

    Args:
        wanted: Servers of a cluster that shall keep each stream.
    """

    def __init__(self, connection: Connection, wanted: int) -> None:
        self._connection = connection
        self.wanted = wanted
        self._fewer: dict[str, str] = {}  # streams with the reason why they were not raised
        self._retry_at: dict[str, float] = {}
        self._kept: set[str] = set()

    def problem(self) -> str | None:
        """One sentence about streams that could not be raised; None when there are none."""
        if not self._fewer:
            return None
        each = "; ".join(f"{name} ({reason})" for name, reason in sorted(self._fewer.items()))
        return f"these streams have fewer replicas than WEBJOBS_NATS_REPLICAS={self.wanted}: {each}"

    def suffice(self, name: str, found: int) -> bool:
        """Whether a stream has the replicas that are asked for; logs that one with more keeps them."""
        if found < self.wanted:
            return False
        self._fewer.pop(name, None)
        if found > self.wanted and name not in self._kept:
            self._kept.add(name)
            logger.info("stream keeps more replicas", stream=name, replicas=found, wanted=self.wanted)
        return True

    async def add(self, name: str, found: int) -> None:
        """Raise a stream that has fewer replicas; one that cannot be raised is tried again every 30 s."""
        now = asyncio.get_running_loop().time()
        if now < self._retry_at.get(name, 0.0):
            return
        self._retry_at[name] = now + _RETRY_SECONDS
        reason = await self._raise(name)
        if reason is None:
            self._fewer.pop(name, None)
            logger.info("stream raised", stream=name, replicas=self.wanted, before=found)
            return
        if self._fewer.get(name) != reason:
            logger.error("stream not raised", stream=name, replicas=found, wanted=self.wanted, error=reason)
        self._fewer[name] = reason

    async def _raise(self, name: str) -> str | None:
        """Ask for the replicas and change nothing else; returns the reason of a failure."""
        try:
            config = (await self._request(f"$JS.API.STREAM.INFO.{name}", {}))["config"]
        except BusUnavailable as error:
            return error.reason
        try:
            await self._request(f"$JS.API.STREAM.UPDATE.{name}", {**config, "num_replicas": self.wanted})
        except _Refused as error:
            if error.code == _NO_PEERS:
                return f"the cluster lacks servers for it: {error.reason}"
            return error.reason
        except BusUnavailable as error:
            return (
                f"{error.reason}; permit the user of WEBJOBS_NATS_URL to publish on "
                f"$JS.API.STREAM.UPDATE.{name}, or run `nats stream edit {name} --replicas {self.wanted}`"
            )
        return None

    async def _request(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer of JetStream, with fields that the client does not know.

        Raises:
            BusUnavailable: No answer, or an error.
        """
        async with self._connection.asking(f"asking {subject}"):
            data = msgspec.json.encode(body) if body else b""
            reply = await self._connection.client.request(subject, data, timeout=_ANSWER_TIMEOUT)
        answer: dict[str, Any] = msgspec.json.decode(reply.data)
        if error := answer.get("error"):
            raise _Refused(subject, error.get("err_code", 0), error.get("description", "refused"))
        return answer


class _Refused(BusUnavailable):
    """JetStream answered with an error."""

    def __init__(self, subject: str, code: int, reason: str) -> None:
        super().__init__(f"asking {subject}", reason)
        self.code = code
