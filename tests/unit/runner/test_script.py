import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_events.errors import InvalidArguments
from webjobs_runner.domain.script import (
    SCRIPT_HOSTS,
    choose_script,
    command_line,
    extend_hosts,
    host_of,
    script_folder,
)
from webjobs_runner.errors import InvalidScriptHosts, MissingInterpreter, NoRunnableScript

ORDER = [".cmd", ".bat", ".exe", ".ps1", ".sh", ".php", ".py", ".js"]


def everything(_: str) -> bool:
    return True


def chosen(names: list[str]) -> str:
    return choose_script(names, SCRIPT_HOSTS, everything).file_name


def test_the_order_of_types_is_the_references() -> None:
    assert [host.extension for host in SCRIPT_HOSTS] == ORDER


def test_removal_one_by_one_walks_the_order() -> None:
    names = [f"run{extension}" for extension in ORDER] + [f"a{extension}" for extension in ORDER]
    walked = list(names)
    while names:
        assert chosen(list(reversed(names))) == names.pop(0)
    assert len(walked) == 16


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["run.js", "a.cmd"], "run.js"),
        (["a.js", "z.cmd"], "z.cmd"),
        (["B.SH", "a.sh"], "a.sh"),
        (["Run.PY", "a.cmd"], "Run.PY"),
        (["b.py", "a.py", "readme.md"], "a.py"),
        (["running.sh", "my.run.sh"], "my.run.sh"),
    ],
)
def test_run_comes_first_and_then_the_first_of_the_first_type(names: list[str], expected: str) -> None:
    assert chosen(names) == expected


def test_a_type_without_its_interpreter_is_passed_over() -> None:
    there = {"python"}
    script = choose_script(["run.ps1", "run.py"], SCRIPT_HOSTS, there.__contains__)
    assert (script.file_name, script.interpreter) == ("run.py", "python")


def test_a_script_that_lacks_its_interpreter_names_what_to_install() -> None:
    with pytest.raises(MissingInterpreter, match=r"Found run\.ps1, which needs pwsh \(PowerShell\): install"):
        choose_script(["a.sh", "run.ps1"], SCRIPT_HOSTS, lambda _: False)


@pytest.mark.parametrize("names", [[], ["readme.md"], ["run", "cmd", "run.sh.txt"]])
def test_no_runnable_script_says_what_was_found_and_the_order(names: list[str]) -> None:
    with pytest.raises(NoRunnableScript, match=r"\.cmd \.bat \.exe \.ps1 \.sh \.php \.py \.js") as caught:
        choose_script(names, SCRIPT_HOSTS, everything)
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("run.sh", ["/i", "/job/run.sh", "a b"]),
        ("run.py", ["/i", "-u", "/job/run.py", "a b"]),
        ("run.cmd", ["/i", "cmd", "/c", "@", "run.cmd", "a b"]),
        ("run.exe", ["/i", "/job/run.exe", "a b"]),
        (
            "run.ps1",
            [
                "/i",
                "-NoProfile",
                "-NonInteractive",
                "-ExecutionPolicy",
                "Bypass",
                "-File",
                "/job/run.ps1",
                "a b",
            ],
        ),
    ],
)
def test_the_command_line_is_the_interpreter_its_options_the_script_and_the_arguments(
    name: str, argv: list[str]
) -> None:
    assert command_line(host_of(name, SCRIPT_HOSTS), f"/job/{name}", ["a b"], "/i") == argv


@pytest.mark.parametrize("argument", ["a&b", "%PATH%", 'a"b', "a|b", "a\nb"])
def test_cmd_is_never_given_what_it_would_run(argument: str) -> None:
    with pytest.raises(InvalidArguments, match="use another script type"):
        command_line(host_of("run.bat", SCRIPT_HOSTS), "/job/run.bat", [argument], "/usr/bin/wine")
    command_line(host_of("run.sh", SCRIPT_HOSTS), "/job/run.sh", [argument], "/bin/bash")


def test_configuration_adds_types_after_the_known_ones() -> None:
    hosts = extend_hosts(SCRIPT_HOSTS, '{".rb": ["ruby"], ".TS": ["node", "--experimental-strip-types"]}')
    assert [host.extension for host in hosts] == [*ORDER, ".rb", ".ts"]
    assert command_line(host_of("a.ts", hosts), "/job/a.ts", ["x"], "/bin/node") == [
        "/bin/node", "--experimental-strip-types", "/job/a.ts", "x",
    ]  # fmt: skip
    assert choose_script(["a.rb"], hosts, everything).interpreter == "ruby"


def test_configuration_changes_a_known_type_in_its_place() -> None:
    hosts = extend_hosts(SCRIPT_HOSTS, '{".py": ["/opt/python/bin/python"]}')
    assert [host.extension for host in hosts] == ORDER
    assert host_of("run.py", hosts).interpreters == ("/opt/python/bin/python",)


def test_no_configuration_changes_nothing() -> None:
    assert extend_hosts(SCRIPT_HOSTS, " ") == SCRIPT_HOSTS


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"rb": ["ruby"]}', '{".rb": []}', '{".rb": "ruby"}', '{".rb": [1]}', '{".": ["x"]}']
)
def test_faulty_configuration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidScriptHosts, match="such as"):
        extend_hosts(SCRIPT_HOSTS, text)


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        ([], ""),
        (["run.sh"], ""),
        (["inner/run.sh"], "inner"),
        (["inner/", "inner/run.sh"], "inner"),
        (["inner/run.sh", "settings.job", "Disable.job"], "inner"),
        (["inner/deep/run.sh", "inner/deep/lib/x.py"], "inner/deep"),
        (["inner/settings.job", "inner/deep/run.sh"], "inner/deep"),
        (["inner/run.sh", "readme.md"], ""),
        (["a/run.sh", "b/x"], ""),
        (["a/run.sh", "b/"], ""),
        (["settings.job"], ""),
    ],
)
def test_a_single_nested_folder_is_descended(paths: list[str], folder: str) -> None:
    assert script_folder(paths) == folder


@given(st.lists(st.sampled_from(["run.cmd", "Run.sh", "b.sh", "A.py", "x.js", "n.txt", "run.js"])))
def test_the_choice_does_not_depend_on_the_order_of_the_listing(names: list[str]) -> None:
    def answer(listing: list[str]) -> object:
        try:
            return choose_script(listing, SCRIPT_HOSTS, everything)
        except NoRunnableScript:
            return None

    assert answer(names) == answer(names[::-1]) == answer(sorted(names))
