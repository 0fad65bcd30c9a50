"""What the command line shows of a deployment, and how two locks differ."""

import io

from webjobs_cli.dependencies import difference
from webjobs_cli.deployment_progress import DeploymentProgress
from webjobs_cli.shapes.deps import LockedPackage

MARK = "[01/02/2026 03:04:05 > 327e1e: INFO] "


def shown(*lines: str, **options: bool) -> str:
    stream = io.StringIO()
    with DeploymentProgress(stream=stream, **options) as progress:
        for line in lines:
            progress.line(line)
    return stream.getvalue()


def test_lines_come_without_their_marks_once_there_is_more_than_unpacking() -> None:
    lines = [f"{MARK}Unpacking the archive.", f"{MARK}Installed 2 packages", f"{MARK}Deployed."]
    assert shown(*lines) == "Unpacking the archive.\nInstalled 2 packages\n"
    assert shown(lines[0], lines[2]) == ""
    assert shown(*lines, is_on=False) == ""


def test_the_reason_of_a_failure_is_left_to_the_command() -> None:
    assert shown(f"{MARK}Unpacking.", MARK.replace("INFO", "ERROR") + "No file can be run.") == ""


def test_escape_sequences_are_not_passed_on() -> None:
    assert "\x1b" not in shown(f"{MARK}a", f"{MARK}\x1b[31mred")


def test_the_difference_of_two_locks() -> None:
    before = [LockedPackage("a", "1"), LockedPackage("b", "1"), LockedPackage("c", "1")]
    after = [LockedPackage("b", "2"), LockedPackage("c", "1"), LockedPackage("d", "1")]
    assert difference(before, after) == ["- a 1", "~ b 1 -> 2", "+ d 1"]
    assert difference(after, after) == []


def test_a_package_may_have_several_versions_in_a_lock() -> None:
    before = [LockedPackage("numpy", "1"), LockedPackage("numpy", "2"), LockedPackage("numpy", "2")]
    assert difference(before, [LockedPackage("numpy", "2")]) == ["~ numpy 1, 2 -> 2"]
    assert difference(before, before) == []
