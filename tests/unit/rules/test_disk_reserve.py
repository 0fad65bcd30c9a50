import pytest
from webjobs_rules.disk_reserve import DiskSpace, as_text, is_low, look_again_seconds, reserve_of

MB = 1024 * 1024
GB = 1024 * MB


@pytest.mark.parametrize(
    ("free_mb", "was_low", "expected"),
    [
        (100, False, False),
        (20, False, False),
        (19, False, True),
        (0, False, True),
        (19, True, True),
        (21, True, True),  # just above the reserve: it would be low again with the next file
        (22, True, False),
        (100, True, False),
    ],
)
def test_a_disk_is_low_below_the_reserve_until_a_tenth_more_is_free(
    free_mb: int, was_low: bool, expected: bool
) -> None:
    assert is_low(DiskSpace(free_mb * MB, 400 * MB), 20 * MB, was_low) is expected


def test_without_a_reserve_no_disk_is_low() -> None:
    assert not is_low(DiskSpace(0, 400 * MB), 0, False)
    assert not is_low(DiskSpace(0, 400 * MB), 0, True)


def test_an_empty_disk_is_not_low_even_when_the_reserve_is_almost_all_of_it() -> None:
    assert not is_low(DiskSpace(400 * MB, 400 * MB), 390 * MB, True)


@pytest.mark.parametrize(
    ("total", "reserve_mb", "expected"),
    [
        (400 * MB, None, 20 * MB),
        (10 * GB, None, 500 * MB),
        (1000 * GB, None, 500 * MB),
        (400 * MB, 64, 64 * MB),
        (400 * MB, 0, 0),
        (0, None, 0),
    ],
)
def test_the_reserve_is_as_set_or_five_percent_up_to_500_mb(
    total: int, reserve_mb: int | None, expected: int
) -> None:
    assert reserve_of(total, reserve_mb) == expected


def test_the_text_names_what_is_free_and_what_is_kept() -> None:
    assert as_text(DiskSpace(3 * MB, 400 * MB), 20 * MB) == "3 MB of 400 MB are free; the reserve is 20 MB"


@pytest.mark.parametrize(
    ("free_mb", "low", "expected"),
    [
        (100 * 1024, False, 1.0),
        (500 + 6 * 1024, False, 0.75),  # a disk writes less than 8 GB a second
        (500 + 1024, False, 0.25),
        (400, False, 0.25),
        (100 * 1024, True, 0.25),
    ],
)
def test_a_disk_is_looked_at_before_a_writer_can_have_reached_the_reserve(
    free_mb: int, low: bool, expected: float
) -> None:
    assert look_again_seconds(DiskSpace(free_mb * MB, 200 * GB), 500 * MB, low) == expected
