import pytest
from webjobs_rules.wine import is_wines_own, windows_path, wine_environment


def test_a_path_is_told_as_windows_writes_it() -> None:
    assert windows_path("/srv/my jobs/a") == "Z:\\srv\\my jobs\\a"


def test_a_windows_script_gets_a_prefix_and_windows_paths() -> None:
    environment = {"PATH": "/bin", "WEBJOBS_PATH": "/tmp/a", "WEBJOBS_NAME": "/a", "WEBJOBS_RUN_ID": ""}
    environment["WEBJOBS_RESULT_FILE"] = "/data/result.json"
    assert wine_environment(environment, "/w") == {
        "PATH": "/bin",
        "WEBJOBS_PATH": "Z:\\tmp\\a",
        "WEBJOBS_RESULT_FILE": "Z:\\data\\result.json",
        "WEBJOBS_NAME": "/a",
        "WEBJOBS_RUN_ID": "",
        "WINEPREFIX": "/w",
        "WINEDEBUG": "-all",
        "HOME": "/w",
        "TMPDIR": "/w",
    }


def test_what_the_environment_says_about_wine_is_kept() -> None:
    told = wine_environment({"WINEDEBUG": "+file", "HOME": "/home/ada", "WINEPREFIX": "/mine"}, "/mine")
    assert (told["WINEDEBUG"], told["HOME"], told["WINEPREFIX"]) == ("+file", "/home/ada", "/mine")


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        ("wineserver64 (12)", True),
        ("winedevice.exe (3)", True),
        ("ping.exe (4)", False),
        ("sleep (5)", False),
    ],
)
def test_no_script_answers_for_what_wine_left_running(process: str, expected: bool) -> None:
    assert is_wines_own(process) is expected
