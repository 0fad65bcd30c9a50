import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_cli.json_lines import JsonLines, PartLines

TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "x.py", line 1, in <module>',
    "    f()",
    "",
    '  File "x.py", line 2, in f',
    "ValueError: no",
)


def lines_of(part: str, *lines: str) -> list[dict[str, Any]]:
    """What becomes of lines that a part wrote."""
    output = io.StringIO()
    written = JsonLines(output)
    for line in lines:
        written.output(part, line)
    written.close()
    return [json.loads(line) for line in output.getvalue().split("\n")[:-1]]


def test_a_line_of_a_service_stays_as_it_is() -> None:
    line = '{"b": 1, "service": "api", "message": "x"}'
    assert list(PartLines("api").take(line)) == [line]


@pytest.mark.parametrize(
    "line",
    [
        '{"message": "x"}',
        '{"message": "x", "service": "other"}',
        '{"message": "x", "service": 7}',
    ],
)
def test_an_object_that_names_another_service_or_none_gets_the_right_one(line: str) -> None:
    (found,) = lines_of("api", line)
    assert found == {"message": "x", "service": "api"}


@pytest.mark.parametrize(
    "line", ["plain", "[1]", "7", "null", '{"cut', '"x"', "\x1b[31mred", '{"a": 1} b', "é\udcff"]
)
def test_any_other_line_becomes_the_message(line: str) -> None:
    (found,) = lines_of("nats", line)
    assert (found["service"], found["level"], found["message"]) == ("nats", "info", line)
    assert found["timestamp"].endswith("Z")


def test_one_of_several_runners_is_named_beside_its_service() -> None:
    for line in ('{"service": "runner", "message": "x"}', "x"):
        (found,) = lines_of("runner-2", line)
        assert (found["service"], found["part"], found["message"]) == ("runner", "runner-2", "x")


def test_a_traceback_is_one_line() -> None:
    first, trace, last = lines_of("api", "before", *TRACEBACK, "after")
    assert (first["message"], last["message"]) == ("before", "after")
    assert (trace["level"], trace["message"]) == ("error", "ValueError: no")
    assert trace["exception"] == "\n".join(TRACEBACK)


def test_a_traceback_is_ended_by_a_json_line_or_the_end_of_its_process() -> None:
    trace, line = lines_of("api", *TRACEBACK[:2], '{"service": "api", "message": "x"}')
    assert trace["exception"].count("\n") == 1
    assert line["message"] == "x"
    (cut,) = lines_of("api", *TRACEBACK[:3])
    assert cut["message"] == "f()"


def test_a_traceback_of_several_errors_is_one_line() -> None:
    group = [
        "  + Exception Group Traceback (most recent call last):",
        "  | ExceptionGroup: x",
        "  +-+----- 1",
    ]
    trace, after = lines_of("api", *group, "after")
    assert trace["exception"] == "\n".join(group)
    assert after["message"] == "after"


@given(st.lists(st.text(st.characters(exclude_characters="\n"))))
def test_whatever_is_written_every_line_is_an_object_with_its_service(lines: list[str]) -> None:
    assert all(found["service"] == "api" for found in lines_of("api", *lines))


def test_all_announcements_are_objects_of_webjobs() -> None:
    output = io.StringIO()
    written = JsonLines(output)
    written.ready("nats", 0.24, "127.0.0.1:4222")
    written.unready("history", 1, "postgres is away")
    written.uses("nats", "nats://n")
    written.died("api", "was killed by SIGKILL", 0.5)
    written.stopped("api", 0.1)
    written.waiting_for_a_killed_stack(Path("/d\udcff"))
    written.welcome("http://127.0.0.1:8080", Path("/é"), False, ["history"])
    written.stopping()
    found = [json.loads(line) for line in output.getvalue().splitlines()]
    assert {line["service"] for line in found} == {"webjobs"}
    assert [line["level"] for line in found] == ["info", "warning", "info", "error", *["info"] * 4]
    assert found[0]["part"] == "nats" and found[0]["address"] == "127.0.0.1:4222"
    assert found[6]["message"] == "webjobs is ready: http://127.0.0.1:8080"
    assert found[6]["url"] == "http://127.0.0.1:8080" and found[6]["missing"] == ["history"]


def test_a_reader_that_went_away_does_not_matter() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    JsonLines(Closed()).output("api", "hello")
