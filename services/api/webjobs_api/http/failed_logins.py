"""Slows down clients that try passwords: each wrong one costs an address a while, the next one longer."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from webjobs_api.http.access_errors import CredentialsWanted, TooManyWrongPasswords

log = structlog.stdlib.get_logger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 0.02, 3.0  # seconds
_GROWTH = 1.25  # of each delay over the one before: the 24th is the longest
_FORGET_SECONDS = 300.0  # after the last wrong password of an address
_AT_ONCE = 8  # wrong passwords of one address whose delay is not over
_MOST_QUEUED = 32  # requests of one address that wait for that
_QUEUE_SECONDS = 5.0  # that each of them waits
_MOST_ADDRESSES = 1000
_REPORT_SECONDS = 60.0  # between two log lines


def delay_of(failures: int) -> float:
    """Seconds that the last of so many wrong passwords costs."""
    return min(_LONGEST_DELAY, _FIRST_DELAY * _GROWTH ** min(failures - 1, 100))


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which one client has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


@dataclass(slots=True)
class _Address:
    """What came from one address: wrong passwords, requests that wait, and the checks in progress."""

    failures: int = 0
    failed_at: float = 0.0
    queued: int = 0
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))


class FailedLogins:
    """Wrong passwords by the address that they came from; bounded in memory, however many try.

    An address without a wrong password is not slowed down. One that has some may have only a few checks in
    progress; the delay of a wrong one goes on when its client leaves, so that leaving gains nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._unreported = 0
        self._report: asyncio.TimerHandle | None = None

    async def check(self, peer: str, is_right: Callable[[], bool]) -> None:
        """Check the credentials of a request.

        Args:
            peer: Address of the client.
            is_right: Compares them, in constant time.

        Raises:
            CredentialsWanted: They are wrong, and the delay is over.
            TooManyWrongPasswords: They were not compared: too many of this address are being delayed.
        """
        name = network_of(peer)
        address = self._addresses.get(name)
        if address is not None:
            await self._take_slot(address)
        if is_right():
            if address is not None:
                address.slots.release()
            return
        if address is None:
            address = self._new(name)
            await address.slots.acquire()  # it has turns
        delay = self._count(name, address, peer)
        asyncio.get_running_loop().call_later(delay, address.slots.release)
        await asyncio.sleep(delay)
        raise CredentialsWanted

    async def _take_slot(self, address: _Address) -> None:
        if address.queued >= _MOST_QUEUED:
            raise TooManyWrongPasswords
        address.queued += 1
        try:
            async with asyncio.timeout(_QUEUE_SECONDS):
                await address.slots.acquire()
        except TimeoutError as error:
            raise TooManyWrongPasswords from error
        finally:
            address.queued -= 1

    def _new(self, name: str) -> _Address:
        while len(self._addresses) >= _MOST_ADDRESSES:
            self._addresses.popitem(last=False)  # whose last wrong password is the oldest
        address = self._addresses[name] = _Address()
        return address

    def _count(self, name: str, address: _Address, peer: str) -> float:
        """Count a wrong password; returns its delay."""
        now = self._clock()
        if now - address.failed_at > _FORGET_SECONDS:
            address.failures = 0
        address.failures += 1
        address.failed_at = now
        self._addresses[name] = address
        self._addresses.move_to_end(name)
        self._unreported += 1
        if self._report is None:
            self._log(peer)
        return delay_of(address.failures)

    def _log(self, peer: str) -> None:
        """Log what was counted, at once the first time and then once a minute."""
        self._report = None
        if self._unreported:
            log.warning("wrong credentials", count=self._unreported, address=peer)
            self._unreported = 0
            self._report = asyncio.get_running_loop().call_later(_REPORT_SECONDS, self._log, peer)
