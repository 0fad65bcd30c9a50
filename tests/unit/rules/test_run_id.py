"""Run ids: they sort as time goes, tell their instant, and never repeat within a process."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.messages import instants
from webjobs_rules.errors import InvalidRunId
from webjobs_rules.run_id import RESOLUTION, RunIdMint, instant_of, parse_run_id, run_id_at

near_instants = st.datetimes(
    datetime(2026, 1, 1), datetime(2026, 1, 1, 0, 0, 1), timezones=st.just(UTC)
)  # a clock that stands still, stutters and steps back


def _cut(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 100 * 100)


def test_a_run_id_is_the_instant_to_a_tenth_of_a_millisecond() -> None:
    assert run_id_at(datetime(2013, 11, 8, 2, 56, 0, 123456, tzinfo=UTC)) == "201311080256001234"


def test_a_run_id_is_in_utc_whatever_the_clock_shows() -> None:
    berlin = timezone(timedelta(hours=1))
    assert run_id_at(datetime(2026, 1, 1, 0, 30, tzinfo=berlin)) == "202512312330000000"


@given(instants)
def test_a_run_id_tells_its_instant(instant: datetime) -> None:
    run_id = run_id_at(instant)
    assert len(run_id) == 18
    assert instant_of(run_id) == _cut(instant)
    assert parse_run_id(run_id) == run_id


@given(instants | near_instants, instants | near_instants)
def test_run_ids_sort_by_time(one: datetime, other: datetime) -> None:
    assert (run_id_at(one) < run_id_at(other)) == (_cut(one) < _cut(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20131108025600",
        "2013110802560012345",
        "20131308025600123a",
        "201313080256001234",
        "201302300256001234",
        "201311082456001234",
        "201311080256601234",
        " 2013110802560012 ",
        "-01311080256001234",
        "\uff12" * 18,
        "²01311080256001234",
        "../../etc/passwd..",
    ],
)
def test_a_text_that_names_no_instant_is_no_run_id(text: str) -> None:
    with pytest.raises(InvalidRunId, match="18 digits"):
        parse_run_id(text)


@given(st.text("0123456789", min_size=18, max_size=18))
def test_whatever_is_taken_is_written_the_same_way_again(text: str) -> None:
    try:
        run_id = parse_run_id(text)
    except InvalidRunId:
        return
    assert run_id_at(instant_of(run_id)) == text


@given(st.lists(near_instants, max_size=50))
def test_the_mint_never_repeats_and_never_goes_back(clock: list[datetime]) -> None:
    mint = RunIdMint()
    minted = [mint.next(now) for now in clock]
    assert all(one < other for one, other in itertools.pairwise(minted))
    assert all(run_id >= run_id_at(now) for run_id, now in zip(minted, clock, strict=True))


def test_a_mint_whose_clock_stands_still_gives_the_next_free_tenth_of_a_millisecond() -> None:
    mint, now = RunIdMint(), datetime(2026, 1, 2, 3, 4, 5, 100, tzinfo=UTC)
    first = mint.next(now)
    assert instant_of(mint.next(now)) == instant_of(first) + RESOLUTION
    assert instant_of(mint.next(now - timedelta(hours=1))) == instant_of(first) + 2 * RESOLUTION
    assert mint.next(now + timedelta(seconds=1)) == run_id_at(now + timedelta(seconds=1))


def test_whole_seconds_are_left_to_schedules() -> None:
    mint, now = RunIdMint(), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert mint.next(now) == run_id_at(now + RESOLUTION)
    assert mint.next(now) == run_id_at(now + 2 * RESOLUTION)
