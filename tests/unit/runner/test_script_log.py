import pytest
from support.eventually import eventually, stays
from webjobs_runner.logs.script_log import JOB_LOG_LINES, UNFINISHED_SECONDS, JobLogHead, ScriptLog


def head(*pieces: bytes, system: bool = False) -> tuple[bytes, int]:
    """What a new head lets through of these pieces, and how often it says that it cut."""
    passed = JobLogHead()
    results = [passed.pass_on(piece, system) for piece in pieces]
    return b"".join(part for part, _ in results), sum(is_cut for _, is_cut in results)


LINE = b"[mark] x\n"


def test_the_first_hundred_lines_pass_however_they_are_cut() -> None:
    assert head(LINE * JOB_LOG_LINES) == (LINE * JOB_LOG_LINES, 0)
    assert head(*[LINE] * JOB_LOG_LINES) == (LINE * JOB_LOG_LINES, 0)


@pytest.mark.parametrize("size", [1, 7, 99, 100, 101, 1000])
def test_what_comes_after_them_is_left_out_and_told_once(size: int) -> None:
    pieces = [LINE * size] * (2000 // size)
    assert head(*pieces) == (LINE * JOB_LOG_LINES, 1)


def test_a_piece_of_a_line_after_the_last_one_is_left_out() -> None:
    assert head(LINE * JOB_LOG_LINES + b"[mark] half") == (LINE * JOB_LOG_LINES, 1)
    assert head(LINE * JOB_LOG_LINES, b"[mark] half") == (LINE * JOB_LOG_LINES, 1)


def test_a_long_line_in_pieces_counts_once() -> None:
    pieces = [b"[mark] long", b" longer", b" longest\n"]
    assert head(*pieces, LINE * 99, LINE) == (b"".join(pieces) + LINE * 99, 1)


def test_what_the_runner_says_always_passes() -> None:
    assert head(*[LINE] * 500, system=True) == (LINE * 500, 0)


def test_each_start_counts_anew() -> None:
    passed = JobLogHead()
    for _ in range(3):
        passed.start_again()
        assert passed.pass_on(LINE * 150, False) == (LINE * JOB_LOG_LINES, True)
        assert passed.pass_on(LINE, False) == (b"", False)


async def test_both_streams_and_the_runner_write_one_log_and_errors_are_kept_twice() -> None:
    written: list[tuple[bytes, bool]] = []
    errors: list[bytes] = []
    log = ScriptLog("abcdef", lambda marked, system: written.append((marked, system)), errors.append)
    log.write_system("begun")
    log.on_stdout(b"out")
    log.on_stderr(b"err\n")
    log.on_stdout(b"put\n")
    log.on_stderr(b"no end")
    log.finish()
    texts = [marked.partition(b"> abcdef: ")[2] for marked, _ in written]
    assert texts == [b"SYS INFO] begun\n", b"ERROR] err\n", b"INFO] output\n", b"ERROR] no end\n"]
    assert [system for _, system in written] == [True, False, False, False]
    assert [error.partition(b"> abcdef: ")[2] for error in errors] == [b"ERROR] err\n", b"ERROR] no end\n"]
    assert log.received == len(b"outerr\nput\nno end")


async def test_an_unfinished_line_is_written_after_a_moment_and_continued_on_the_same_line() -> None:
    written: list[bytes] = []
    log = ScriptLog("abcdef", lambda marked, _system: written.append(marked))
    log.on_stdout(b"done\nPassword: ")
    assert b"Password" not in b"".join(written)
    await eventually(lambda: b"".join(written).endswith(b"INFO] Password: "))
    log.on_stdout(b"***")
    await eventually(lambda: b"".join(written).endswith(b"INFO] Password: ***"))
    log.on_stdout(b" thanks\nnext\n")
    log.finish()
    texts = [line.partition(b"> abcdef: ")[2] for line in b"".join(written).splitlines()]
    assert texts == [b"INFO] done", b"INFO] Password: *** thanks", b"INFO] next"]


async def test_unfinished_lines_of_both_streams_are_written_whichever_came_first() -> None:
    written: list[bytes] = []
    errors: list[bytes] = []
    log = ScriptLog("abcdef", lambda marked, _system: written.append(marked), errors.append)
    log.on_stdout(b"Name: ")
    log.on_stderr(b"warning: ")  # while the other line is watched already
    await eventually(lambda: len(written) == 2)
    texts = [line.partition(b"> abcdef: ")[2] for line in b"".join(written).splitlines()]
    assert texts == [b"INFO] Name: ", b"ERROR] warning: "]
    assert [error.partition(b"> abcdef: ")[2] for error in errors] == [b"ERROR] warning: "]


async def test_a_character_in_two_halves_is_not_written_by_halves() -> None:
    written: list[bytes] = []
    log = ScriptLog("abcdef", lambda marked, _system: written.append(marked))
    log.on_stdout("ä".encode()[:1])
    await stays(lambda: not written, 2 * UNFINISHED_SECONDS)
    log.on_stdout("ä\n".encode()[1:])
    log.finish()
    assert "INFO] ä\n" in b"".join(written).decode()


async def test_a_line_that_the_other_stream_breaks_off_goes_on_under_a_mark_of_its_own() -> None:
    written: list[bytes] = []
    log = ScriptLog("abcdef", lambda marked, _system: written.append(marked))
    log.on_stdout(b"working ...")
    await eventually(lambda: written)
    log.on_stderr(b"oops\n")
    log.on_stdout(b" done\n")
    log.finish()
    texts = [line.partition(b"> abcdef: ")[2] for line in b"".join(written).splitlines()]
    assert texts == [b"INFO] working ...", b"ERROR] oops", b"INFO]  done"]
