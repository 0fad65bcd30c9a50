"""Warnings about what looks like a declaration of dependencies and is not read as one."""

from collections.abc import Mapping

import pytest
from webjobs_rules.dependencies.declaration import find_declaration
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.unread import unread_declarations


def warnings_of(files: Mapping[str, str], script: str = "run.py") -> list[str]:
    content = {script: "print()\n", **files}

    def read(path: str) -> bytes:
        return content[path].encode()

    return unread_declarations(
        script, content, read, find_declaration(script, content, read, DependencyPolicy())
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"Pipfile": ""}, "Pipfile is not read. Dependencies are read from"),
        ({"poetry.lock": ""}, "run poetry export -o requirements.txt"),
        ({"environment.yml": ""}, "pip list --format=freeze > requirements.txt"),
        ({"requirements.in": "a"}, "requirements.in is not read"),
        ({"setup.cfg": "[options]\ninstall_requires = a"}, "setup.cfg is not read"),
        ({"Requirements.txt": "a"}, "Requirements.txt is not read: call it requirements.txt, in lower case."),
        ({"pyproject.toml": "[tool.poetry.dependencies]\na = '1'\n"}, "[tool.poetry.dependencies] of"),
        ({"uv.lock": ""}, "pyproject.toml is missing beside it"),
        ({"run.py": "# /// script \n# dependencies = ['a']\n# ///\n"}, "begins no block"),
        ({"run.py": "#///script\n#dependencies = ['a']\n#///\n"}, "'#///script', which begins no block"),
        ({"run.sh": "", "main.py": "", "Pipfile": ""}, "Pipfile is not read"),
    ],
)
def test_a_declaration_of_another_tool_is_named_with_what_to_do(files: dict[str, str], words: str) -> None:
    script = "run.sh" if "run.sh" in files else "run.py"
    (warning,) = warnings_of(files, script)
    assert words in warning


@pytest.mark.parametrize(
    ("files", "script"),
    [
        ({}, "run.py"),
        ({"requirements.txt": "# none\n", "Pipfile": ""}, "run.py"),
        ({"requirements.txt": "a\n", "Pipfile": ""}, "run.py"),
        ({"setup.py": "print()"}, "run.py"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "run.py"),
        ({"run.py": "# /// script\n# dependencies = []\n# ///\n"}, "run.py"),
        ({"lib/Pipfile": ""}, "run.py"),
        ({"Pipfile": ""}, "run.sh"),
        ({"Pipfile": ""}, "run.js"),
        ({"composer.json": "{}", "vendor/autoload.php": ""}, "run.php"),
    ],
)
def test_what_is_read_or_is_no_declaration_is_no_matter(files: dict[str, str], script: str) -> None:
    assert warnings_of(files, script) == []


def test_a_script_of_a_shell_gets_no_packages_of_javascript() -> None:
    files = {"run.sh": "node main.js", "main.js": "", "package.json": '{"dependencies": {"a": "1"}}'}
    (warning,) = warnings_of(files, "run.sh")
    assert warning.startswith("package.json is not read: packages of Node.js are installed for scripts of")
    assert warnings_of({**files, "node_modules/.gitkeep": ""}, "run.sh") == [warning]
    assert warnings_of({**files, "node_modules/a/index.js": ""}, "run.sh") == []
    assert warnings_of({**files, "package.json": '{"type": "module"}'}, "run.sh") == []


@pytest.mark.parametrize(
    "name",
    ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"],
)
@pytest.mark.parametrize("script", ["run.js", "run.cts"])
def test_a_lock_of_javascript_alone_is_named(name: str, script: str) -> None:
    (warning,) = warnings_of({name: "{}"}, script)
    assert warning == f"{name} is not read, as package.json is missing beside it: deploy both files."
    assert warnings_of({name: "{}", "package.json": "{}"}, script) == []


def test_a_package_json_in_other_letters_is_named() -> None:
    (warning,) = warnings_of({"Package.json": "{}", "yarn.lock": ""}, "run.js")
    assert warning == "Package.json is not read: call it package.json, in lower case."


@pytest.mark.parametrize(
    ("script", "path", "content"),
    [
        ("src/run.js", "package.json", '{"dependencies": {"a": "1"}}'),
        ("a/b/run.mjs", "a/package.json", '{"optionalDependencies": {"a": "1"}}'),
        ("src/run.py", "requirements.txt", "a\n"),
        ("src/run.py", "pyproject.toml", "[project]\ndependencies = ['a']\n"),
    ],
)
def test_a_declaration_above_the_folder_of_the_script_is_named(script: str, path: str, content: str) -> None:
    (warning,) = warnings_of({path: content}, script)
    assert warning.startswith(f"{path} is not read, as {script} is not in its folder")
    below = script.replace("run", "lib/run")
    assert warnings_of({script: "", f"{path}.d/{path}": content}, below) == []


@pytest.mark.parametrize(
    ("script", "path", "content"),
    [
        ("src/run.js", "package.json", '{"type": "module"}'),
        ("src/run.py", "pyproject.toml", "[tool.ruff]\n"),
        ("src/run.py", "package.json", '{"dependencies": {"a": "1"}}'),
        ("src/run.js", "requirements.txt", "a\n"),
        ("run.js", "src/package.json", '{"dependencies": {"a": "1"}}'),
    ],
)
def test_what_declares_nothing_for_the_script_is_no_matter(script: str, path: str, content: str) -> None:
    assert warnings_of({path: content}, script) == []


def test_packages_of_php_come_with_the_job() -> None:
    (warning,) = warnings_of({"composer.json": "{}"}, "run.php")
    assert warning.startswith("composer.json is not read. Run composer install")


@pytest.mark.parametrize(
    "line",
    [
        "pip install -r requirements.txt",
        "  pip3 install alpha",
        "python -m pip install alpha",
        "uv pip install alpha",
    ],
)
def test_a_script_that_installs_its_packages_itself_is_named(line: str) -> None:
    files = {"requirements.txt": "alpha\n", "run.sh": f"set -e\n{line}\npython main.py\n"}
    (warning,) = warnings_of(files, "run.sh")
    assert "the packages of requirements.txt are installed already" in warning
    assert warnings_of({**files, "run.sh": f"# {line}\n"}, "run.sh") == []
    assert warnings_of({"run.sh": f"{line}\n"}, "run.sh") == []


@pytest.mark.parametrize("script", ["run.sh", "run.py"])
def test_a_script_that_is_a_link_is_none_of_the_files(script: str) -> None:
    content = {"Pipfile": ""}
    (*warnings,) = unread_declarations(script, content, lambda path: content[path].encode(), None)
    assert bool(warnings) == (script == "run.py")
