"""Files that share a stack are known by their fixtures."""

from pathlib import Path

from support.distribution import stack_of

E2E = Path(__file__).parents[2] / "e2e"


def test_each_file_of_the_end_to_end_tests_is_with_those_that_share_its_stack() -> None:
    found = {path.stem: stack_of(path) for path in E2E.glob("test_*.py")}
    assert {found[name] for name in ("test_tour", "test_errors", "test_live")} == {"stack"}
    assert {found[name] for name in ("test_crashes", "test_root_folder")} == {"rough_stack"}
    assert {found[name] for name in ("test_full_disk", "test_second_start", "test_three_runners")} == {None}
    assert stack_of(Path(__file__)) is None
