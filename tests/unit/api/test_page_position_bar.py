"""Where in a log a window is, with its errors and matches."""

from webjobs_api.pages.position_bar import BUCKETS, error_ranges, position_bar
from webjobs_rules.log_format import LineCount, LogChunk

ERROR = b"[11/08/2013 02:56:00 > 327e1e: ERROR] x\n"
INFO = b"[11/08/2013 02:56:00 > 327e1e: INFO] x\n"


def test_errors_are_exact_in_a_sample_and_a_range_between_two() -> None:
    samples = [
        LogChunk("x", 0, INFO + ERROR + INFO, LineCount(0, 0)),
        LogChunk("x", 1, INFO + INFO, LineCount(3, 1)),
        LogChunk("x", 2, ERROR + ERROR, LineCount(10, 3)),
    ]
    assert error_ranges(samples) == [(2, 2), (6, 11), (11, 11), (12, 12)]
    assert error_ranges([]) == []
    removed = [LogChunk("x", 9, INFO, LineCount(100, 7))]
    assert error_ranges(removed) == [], "errors that were removed are nowhere"


def test_every_line_has_its_part_however_long_the_log_is() -> None:
    for whole in ((1, 501), (100, 1_000_000), (1, 10**12)):
        ends = position_bar(whole, whole, [(whole[0], whole[0]), (whole[1], whole[1])], [whole[1]], 1)
        assert dict(ends.paths) == {
            "window": f"M0 0h{BUCKETS}v12h-{BUCKETS}z",
            "Failed": f"M0 2h1v4h-1zM{BUCKETS - 1} 2h1v4h-1z",
            "match": f"M{BUCKETS - 1} 6h1v4h-1z",
        }
        words = f"Lines {whole[0]:,} to {whole[1]:,} of {whole[1]:,}"
        assert ends.label == f"{words}; errors in 2 parts of 200; 1 match."
