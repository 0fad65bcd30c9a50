import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.errors import InvalidArguments, InvalidScriptHosts, MissingInterpreter, NoRunnableScript
from webjobs_rules.script import (
    SCRIPT_HOSTS,
    choose_script,
    command_line,
    doubt,
    extend_hosts,
    host_of,
    process_arguments,
    script_folder,
)
from webjobs_rules.shebang import Shebang

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


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([".eslintrc.js", "index.js"], "index.js"),
        ([".prettierrc.js", "a.cmd.txt", "zz.js"], "zz.js"),
        (["._index.js", "index.js"], "index.js"),
        (["._run.sh", "run.sh"], "run.sh"),
        (["__init__.py", "main.py"], "main.py"),
        (["__main__.py", "__init__.py", "zoo.py"], "zoo.py"),
        (["conftest.py", "job.py"], "job.py"),
        (["Setup.py", "work.py"], "work.py"),
        (["setup.py", "work.js"], "work.js"),
        (["setup.py", "a.sh"], "a.sh"),
        (["setup.py"], "setup.py"),
        (["__main__.py", "readme.md"], "__main__.py"),
        ([".hidden.sh"], ".hidden.sh"),
        (["conftest.py", "setup.py"], "conftest.py"),
        (["a.py", "RUN.PY"], "RUN.PY"),
        (["RUN.SH", "run.sh"], "RUN.SH"),
        (["index.mjs"], "index.mjs"),
        (["index.mjs", "z.js"], "z.js"),
        (["a.mjs", "run.mjs"], "run.mjs"),
        (["run.mjs", "z.js"], "z.js"),
        (["run"], "run"),
        (["Run", "readme"], "Run"),
        (["run", "run.js"], "run.js"),
        (["run", "run.mjs"], "run"),
        (["run", "setup.py"], "run"),
    ],
)
def test_what_is_seldom_the_script_is_chosen_last_and_the_late_types_after_all_others(
    names: list[str], expected: str
) -> None:
    for order in (names, names[::-1]):
        script = choose_script(order, SCRIPT_HOSTS, everything, is_program=everything)
        assert script.file_name == expected
        assert host_of(f"in/{expected}", SCRIPT_HOSTS) == script.host


def test_a_file_named_run_that_is_no_program_is_no_script() -> None:
    with pytest.raises(NoRunnableScript):
        choose_script(["run"], SCRIPT_HOSTS, everything)


def test_a_file_that_is_seldom_the_script_is_not_run_for_lack_of_an_interpreter() -> None:
    with pytest.raises(MissingInterpreter, match=r"Found main\.ps1"):
        choose_script(["main.ps1", "setup.py"], SCRIPT_HOSTS, lambda name: name != "pwsh")


def test_the_interpreter_of_the_first_line_is_the_one_that_must_be_there() -> None:
    shebang = Shebang("/bin/zsh")
    script = choose_script(["run.sh"], SCRIPT_HOSTS, everything, lambda _: shebang)
    assert script.interpreter == "/bin/zsh"
    with pytest.raises(MissingInterpreter, match=r"Found run\.sh, which needs /bin/zsh: install it"):
        choose_script(["run.sh"], SCRIPT_HOSTS, {"bash"}.__contains__, lambda _: shebang)
    script = choose_script(["run.sh"], SCRIPT_HOSTS, {"zsh"}.__contains__, lambda _: shebang)
    assert script.interpreter == "zsh"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["run.sh", "lib.py", "a.sh"], ""),
        (["only.py", "readme.md"], ""),
        (["helper.js", "index.js"], "Chose helper.js as the script among 2 candidates: helper.js, index.js."),
        ([".eslintrc.js", "index.js"], "Chose index.js as the script among 2 candidates"),
        (["run.py", "run.sh"], "Chose run.sh as the script among 2 candidates"),
        (["run", "lib.py"], "Chose lib.py as the script among 2 candidates"),
        (
            [f"{letter}.py" for letter in "abcdefgh"],
            "a.py, b.py, c.py, d.py, e.py and 3 more. To be sure, keep",
        ),
    ],
)
def test_a_choice_that_may_be_wrong_is_said(names: list[str], said: str) -> None:
    sentence = doubt(choose_script(names, SCRIPT_HOSTS, everything, is_program=everything))
    assert said in sentence and bool(said) == bool(sentence)


@pytest.mark.parametrize(
    ("file_name", "shebang", "is_binary", "expected"),
    [
        ("run.py", None, False, ["/bin/python3", "-u", "/job/run.py", "a"]),
        ("run.sh", None, False, ["/bin/bash", "/job/run.sh", "a"]),
        ("run.sh", Shebang("/usr/bin/sh", ("-e",)), False, ["/bin/sh", "-e", "/job/run.sh", "a"]),
        ("run", None, True, ["/job/run", "a"]),
        ("run", None, False, ["/bin/sh", "/job/run", "a"]),
    ],
)
def test_a_process_gets_the_program_that_is_there(
    file_name: str, shebang: Shebang | None, is_binary: bool, expected: list[str]
) -> None:
    there = {"python3": "/bin/python3", "bash": "/bin/bash", "sh": "/bin/sh"}
    host = host_of(file_name, SCRIPT_HOSTS)
    assert process_arguments(host, f"/job/{file_name}", ["a"], there.get, shebang, is_binary) == expected


@pytest.mark.parametrize(
    ("file_name", "shebang", "missing"),
    [("run.py", None, "python3"), ("run.sh", Shebang("/bin/zsh"), "/bin/zsh")],
)
def test_a_process_needs_its_program(file_name: str, shebang: Shebang | None, missing: str) -> None:
    host = host_of(file_name, SCRIPT_HOSTS)
    with pytest.raises(MissingInterpreter, match=missing):
        process_arguments(host, f"/job/{file_name}", [], {}.get, shebang, False)
