"""How many warnings a definition keeps, and how headers carry them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.job_warnings import MAX_WARNINGS_BYTES, bounded_warnings, header_values


def test_each_warning_is_kept_once_in_order_and_empty_ones_are_not() -> None:
    assert bounded_warnings(["b", "a", "", "b"]) == ["b", "a"]


def test_what_does_not_fit_is_counted() -> None:
    kept = bounded_warnings(f"{number} {'x' * 500}" for number in range(9))
    assert [each[:1] for each in kept] == ["0", "1", "7"]
    assert kept[-1] == "7 more warnings are not shown."


@given(st.lists(st.text(max_size=1500), max_size=30))
def test_what_is_kept_is_bounded(warnings: list[str]) -> None:
    kept = bounded_warnings(warnings)
    assert bool(kept) == any(warnings)
    assert sum(len(each.encode()) for each in kept) < MAX_WARNINGS_BYTES + 2400


@given(st.lists(st.text(max_size=300), max_size=30))
def test_headers_are_printable_ascii_and_few(warnings: list[str]) -> None:
    values = header_values(warnings)
    assert len(values) == min(len(warnings), 11)
    assert all(value.isascii() and (value.isprintable() or not value) for value in values)


def test_a_header_spells_other_characters_as_escapes_and_has_no_line_end() -> None:
    assert header_values(["größe €\r\nX: y"]) == ["gr\\xf6\\xdfe \\u20ac  X: y"]


def test_a_name_that_is_not_utf_8_can_be_stored() -> None:
    assert msgspec.json.encode(bounded_warnings(["\udce4.sh"])) == b'["\\\\udce4.sh"]'


def test_a_long_warning_is_cut() -> None:
    assert msgspec.json.encode(bounded_warnings(["y" * 5000]))[-5:] == '…"]'.encode()
