"""Wrong passwords cost time, whatever their client does, and nobody else pays for them."""

import asyncio

import pytest
from structlog.testing import capture_logs
from support.eventually import eventually, stays
from webjobs_api.http import failed_logins
from webjobs_api.http.access_errors import CredentialsWanted, TooManyWrongPasswords
from webjobs_api.http.failed_logins import FailedLogins, delay_of, network_of

ATTACKER, OTHER = "10.0.0.1", "10.0.0.2"


def right() -> bool:
    return True


def wrong() -> bool:
    return False


async def fail(logins: FailedLogins, times: int, address: str = ATTACKER) -> None:
    for _ in range(times):
        with pytest.raises(CredentialsWanted):
            await logins.check(address, wrong)


def test_delays_grow_up_to_a_limit() -> None:
    delays = [delay_of(failures) for failures in range(1, 500)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.02, 3.0)
    assert sum(delays[:5]) < 0.3, "a slip of the pen costs nothing"
    assert sum(delays[:100]) > 200


async def test_each_wrong_password_costs_more_and_the_right_one_nothing() -> None:
    logins, clock = FailedLogins(), asyncio.get_running_loop().time
    await fail(logins, 8)
    began = clock()
    await fail(logins, 1)
    assert clock() - began >= delay_of(9)
    await logins.check(ATTACKER, right)
    await logins.check(OTHER, right)


async def test_a_client_that_leaves_early_gains_no_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "delay_of", lambda _failures: 30.0)
    logins, compared = FailedLogins(), 0

    def guess() -> bool:
        nonlocal compared
        compared += 1
        return False

    async def leave_early() -> None:
        try:
            async with asyncio.timeout(0.02):
                await logins.check(ATTACKER, guess)
        except (TimeoutError, TooManyWrongPasswords):
            pass

    for _ in range(3):
        await asyncio.gather(*(leave_early() for _ in range(50)))
    assert compared == 8
    await asyncio.wait_for(logins.check(OTHER, right), 1)


async def test_of_too_many_at_once_some_are_refused_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "delay_of", lambda _failures: 0.3)
    monkeypatch.setattr(failed_logins, "_QUEUE_SECONDS", 0.2)
    logins = FailedLogins()
    ends = await asyncio.gather(*(logins.check(ATTACKER, wrong) for _ in range(100)), return_exceptions=True)
    assert {type(end) for end in ends} == {CredentialsWanted, TooManyWrongPasswords}
    assert sum(isinstance(end, CredentialsWanted) for end in ends) <= 8
    await asyncio.wait_for(logins.check(ATTACKER, right), 1)


async def test_addresses_are_forgotten_in_the_end_and_bounded_in_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    logins = FailedLogins(clock=lambda: now)
    await fail(logins, 4)
    monkeypatch.setattr(failed_logins, "delay_of", lambda failures: 0.0 if failures == 1 else 30.0)
    now = 301.0
    await fail(logins, 1)
    for number in range(3000):
        await fail(logins, 1, f"10.1.{number // 250}.{number % 250}")
    assert len(logins._addresses) == 1000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("@unix", "@unix"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_they_are_logged_at_once_and_then_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "_REPORT_SECONDS", 0.4)
    monkeypatch.setattr(failed_logins, "delay_of", lambda _failures: 0.0)
    with capture_logs() as lines:
        await fail(FailedLogins(), 20)
        await eventually(lambda: len(lines) == 2)
        await stays(lambda: len(lines) == 2, 0.5)
    assert [(line["event"], line["count"]) for line in lines] == [
        ("wrong credentials", 1),
        ("wrong credentials", 19),
    ]
