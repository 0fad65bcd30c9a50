import random

from webjobs_api.log_stream import Assembly


def test_repeats_and_overlaps_are_dropped() -> None:
    assembly = Assembly()
    assert assembly.fresh("a", 0, b"one") == b"one"
    assert assembly.fresh("a", 0, b"one") == b""
    assert assembly.fresh("a", 1, b"netwo") == b"two"
    assert assembly.fresh("a", 0, b"o") == b""


def test_sources_have_offsets_of_their_own() -> None:
    assembly = Assembly()
    assert assembly.fresh("a", 0, b"one") == b"one"
    assert assembly.fresh("b", 0, b"one") == b"one"


def test_a_log_whose_start_was_removed_begins_later() -> None:
    assembly = Assembly()
    assert assembly.fresh("a", 1000, b"late") == b"late"
    assert assembly.fresh("a", 1002, b"te, later") == b", later"


def test_any_way_to_send_a_file_again_from_an_earlier_offset_gives_the_file() -> None:
    chance = random.Random(1)
    content = bytes(chance.randrange(256) for _ in range(2000))
    for _ in range(50):
        assembly, at, got = Assembly(), 0, b""
        while at < len(content):
            size = chance.randrange(1, 200)
            got += assembly.fresh("a", at, content[at : at + size])
            at = at + size if chance.random() < 0.7 else max(0, at - chance.randrange(300))
        assert got == content
