"""Which files of a job declare its dependencies, and what is refused of them."""

import json
from collections.abc import Mapping

import pytest
from webjobs_rules.dependencies.declaration import (
    REQUIREMENTS_IN,
    Declaration,
    find_declaration,
    input_digest,
)
from webjobs_rules.dependencies.node_lock import files_of_lock
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.vocabulary import DependencyKind
from webjobs_rules.errors import DependenciesRefused

WHEELS_ONLY = DependencyPolicy()
JOB_INDEXES = DependencyPolicy(job_indexes=True)
BLOCK = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["alpha>=1", "beta"]\n# ///\nprint()\n'
PYPROJECT = (
    '[project]\nname = "job"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["gamma~=2.0"]\n'
)
UV_LOCK = """version = 1
[[package]]
name = "job"
source = { virtual = "." }
[package.metadata]
requires-dist = [{ name = "gamma", specifier = "~=2.0" }, { name = "tests", marker = "extra == 'dev'" }]
"""
PYLOCK = """lock-version = "1.0"
requires-python = ">=3.11"
[[packages]]
name = "delta"
version = "4.0"
marker = "sys_platform == 'linux'"
wheels = [{ url = "https://elsewhere.example/delta.whl", hashes = { sha256 = "aa" } }]
"""


def found(
    files: Mapping[str, str], script: str = "run.py", policy: DependencyPolicy = WHEELS_ONLY
) -> Declaration | None:
    content = {script: "print()\n", **files}
    return find_declaration(script, content, lambda path: content[path].encode(), policy)


def test_a_job_without_a_declaration_has_no_dependencies() -> None:
    assert found({}) is None
    assert found({"requirements.txt": "# none\n\n"}) is None
    assert found({"pyproject.toml": "[tool.ruff]\n"}) is None
    assert found({"pyproject.toml": '[project]\nname = "job"\n'}) is None
    assert found({"run.py": "# /// script\n# dependencies = []\n# ///\n"}) is None


EVERYTHING = {
    "run.py": BLOCK,
    "requirements.txt": "alpha\n",
    "uv.lock": UV_LOCK,
    "pylock.toml": PYLOCK,
    "pyproject.toml": PYPROJECT,
}


@pytest.mark.parametrize(
    ("without", "kind", "source", "ignored"),
    [
        (0, DependencyKind.SCRIPT, "run.py", "requirements.txt, uv.lock, pylock.toml, pyproject.toml"),
        (1, DependencyKind.REQUIREMENTS, "requirements.txt", "uv.lock, pylock.toml, pyproject.toml"),
        (2, DependencyKind.UV_LOCK, "uv.lock", "pylock.toml"),
        (3, DependencyKind.PYLOCK, "pylock.toml", "pyproject.toml"),
        (4, DependencyKind.PYPROJECT, "pyproject.toml", ""),
    ],
)
def test_the_first_declaration_wins_and_a_warning_names_the_others(
    without: int, kind: DependencyKind, source: str, ignored: str
) -> None:
    removed = ["run.py", "requirements.txt", "uv.lock", "pylock.toml"][:without]
    declaration = found({name: text for name, text in EVERYTHING.items() if name not in removed})
    assert declaration is not None
    assert (declaration.kind, declaration.source) == (kind, source)
    expected = [f"Dependencies are read from {source}; {ignored} is not read for them."] if ignored else []
    assert list(declaration.warnings) == expected


def test_a_block_becomes_a_file_of_requirements() -> None:
    declaration = found({"run.py": BLOCK})
    assert declaration is not None
    assert declaration.files == {REQUIREMENTS_IN: b"alpha>=1\nbeta\n"}
    assert declaration.requires_python == ">=3.11"


def test_files_beside_the_script_count_and_those_of_other_folders_do_not() -> None:
    assert found({"in/requirements.txt": "alpha\n"}, script="in/run.py") is not None
    assert found({"requirements.txt": "alpha\n"}, script="in/run.py") is None
    assert found({"lib/requirements.txt": "alpha\n"}) is None


def test_a_script_of_another_type_has_dependencies_too() -> None:
    declaration = found({"requirements.txt": "alpha\n"}, script="run.sh")
    assert declaration is not None and declaration.kind is DependencyKind.REQUIREMENTS


def test_included_files_are_inputs() -> None:
    files = {
        "requirements.txt": "-r more/base.txt\n-c limits.txt\n",
        "more/base.txt": "a\n",
        "limits.txt": "a<2\n",
    }
    declaration = found(files)
    assert declaration is not None
    assert set(declaration.files) == set(files)


def test_files_that_include_each_other_are_read_once() -> None:
    declaration = found({"requirements.txt": "-r a.txt\n", "a.txt": "-r requirements.txt\nx\n"})
    assert declaration is not None and set(declaration.files) == {"requirements.txt", "a.txt"}


def test_a_pylock_becomes_a_lock_without_addresses() -> None:
    declaration = found({"pylock.toml": PYLOCK})
    assert declaration is not None
    assert declaration.lock == "delta==4.0 ; sys_platform == 'linux' \\\n    --hash=sha256:aa\n"
    assert declaration.requires_python == ">=3.11"


REFUSED = {
    "an index": ("--index-url https://user:secret@index.example/simple\nalpha\n", "WEBJOBS_JOB_INDEXES"),
    "an index by its short name": ("-ihttps://index.example\nalpha\n", "WEBJOBS_JOB_INDEXES"),
    "another index": ("--extra-index-url=https://index.example\n", "WEBJOBS_JOB_INDEXES"),
    "links": ("-f https://index.example\n", "WEBJOBS_JOB_INDEXES"),
    "an address": ("alpha @ https://u:secret@host.example/alpha.whl\n", "takes alpha from an address"),
    "a bare address": ("https://u:secret@host.example/alpha.whl\n", "takes a package from an address"),
    "a repository": ("alpha @ git+ssh://git@host.example/alpha\n", "from an address"),
    "an editable package": ("-e .\n", "editable"),
    "an editable package, joined": ("-e./here\n", "editable"),
    "a path": ("./alpha-1.0-py3-none-any.whl\n", "from a path"),
    "a path of a named package": ("alpha @ file:///etc/passwd\n", "from a path"),
    "a file outside": ("-r ../other/requirements.txt\n", "outside of the job's folder"),
    "an absolute file": ("-r /etc/passwd\n", "outside of the job's folder"),
    "a file of another machine": ("-r https://host.example/r.txt\n", "outside of the job's folder"),
    "a missing file": ("-r more.txt\n", "which the job does not have"),
    "a variable": ("alpha==${VERSION}\n", "has a variable"),
    "an unknown option": ("--install-option=x\n", "not known"),
    "a build": ("--no-binary :all:\nalpha\n", "WEBJOBS_BUILD_PACKAGES"),
    "no requirement": ("!!\n", "not a requirement"),
    "continued lines": ("--index-url \\\n  https://index.example\n", "WEBJOBS_JOB_INDEXES"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_is_not_allowed_is_refused_with_what_to_do(name: str) -> None:
    text, expected = REFUSED[name]
    with pytest.raises(DependenciesRefused) as refused:
        found({"requirements.txt": text})
    assert expected in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        "alpha",
        "alpha[extra]>=1.0,<2 ; python_version < '3.12'  # why",
        "alpha == 1.0 --hash=sha256:aa",
        "--pre",
        "--only-binary=:all:",
    ],
)
def test_usual_lines_are_taken(line: str) -> None:
    assert found({"requirements.txt": f"{line}\nbeta\n"}) is not None


def test_the_operator_may_allow_indexes_of_jobs() -> None:
    text = "--index-url https://index.example\nalpha @ https://host.example/alpha.whl\n"
    assert found({"requirements.txt": text}, policy=JOB_INDEXES) is not None


def test_a_table_of_uv_that_chooses_indexes_is_refused() -> None:
    with pytest.raises(DependenciesRefused, match=r"index in tool\.uv"):
        found({"pyproject.toml": PYPROJECT + '[[tool.uv.index]]\nurl = "https://index.example"\n'})
    block = '# /// script\n# dependencies = ["a"]\n# [tool.uv.sources]\n# a = {path = "x"}\n# ///\n'
    with pytest.raises(DependenciesRefused, match=r"sources in tool\.uv"):
        found({"run.py": block})


def test_a_lock_of_other_dependencies_is_refused() -> None:
    stale = {"pyproject.toml": PYPROJECT.replace("gamma~=2.0", "gamma~=3.0"), "uv.lock": UV_LOCK}
    with pytest.raises(DependenciesRefused, match=r"made for other dependencies \(gamma\)"):
        found(stale)
    with pytest.raises(DependenciesRefused, match=r"run\.py\.lock was made for other dependencies"):
        found(
            {"run.py": BLOCK, "run.py.lock": 'version = 1\n[manifest]\nrequirements = [{ name = "alpha" }]\n'}
        )


def test_a_script_with_its_lock_is_read_with_both() -> None:
    lock = (
        'version = 1\n[manifest]\nrequirements = [{ name = "alpha", specifier = ">=1" }, { name = "beta" }]\n'
    )
    declaration = found({"run.py": BLOCK, "run.py.lock": lock})
    assert declaration is not None
    assert (declaration.source, declaration.entry) == ("run.py.lock", "run.py")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("# /// script\n# dependencies = [\n# ///\n", "not TOML"),
        ("# /// script\n# dependencies = []\n", "without its last line"),
        ("# /// script\n# ///\n# /// script\n# ///\n", "two blocks"),
        ('# /// script\n# dependencies = "alpha"\n# ///\n', "no list of texts"),
        ("# /// script\n# requires-python = 3.11\n# ///\n", "requires-python that is not a text"),
        ('# /// script\n# dependencies = ["-r x"]\n# ///\n', "not a requirement"),
        ('# /// script\n# dependencies = ["a\\n-i https://h.example"]\n# ///\n', "not a requirement"),
    ],
)
def test_a_wrong_block_is_refused(block: str, expected: str) -> None:
    with pytest.raises(DependenciesRefused, match=expected):
        found({"run.py": block})


def test_the_digest_changes_with_each_input_and_with_nothing_else() -> None:
    def digest(files: Mapping[str, str], policy: DependencyPolicy = WHEELS_ONLY) -> str:
        declaration = found(files, policy=policy)
        assert declaration is not None
        return input_digest(declaration, policy)

    first = digest({"requirements.txt": "alpha\n"})
    assert digest({"requirements.txt": "alpha\n", "run.py": "print(2)\n"}) == first
    others = {
        digest({"requirements.txt": "alpha\nbeta\n"}),
        digest({"requirements.txt": "alpha\n"}, JOB_INDEXES),
        digest({"run.py": '# /// script\n# dependencies = ["alpha"]\n# ///\n'}),
        digest({"run.py": '# /// script\n# dependencies = ["alpha"]\n# requires-python = ">=3"\n# ///\n'}),
    }
    assert len(others | {first}) == 5


PACKAGE = '{"dependencies": {"alpha": "^1.0.0"}, "scripts": {"postinstall": "true"}}'


def node_lock_of(**entry: object) -> str:
    package = {"dependencies": {"alpha": "^1.0.0"}}
    packages = {"": package, "node_modules/alpha": {"version": "1.0.0", "integrity": "sha512-a", **entry}}
    return json.dumps({"lockfileVersion": 3, "packages": packages})


def test_a_lock_of_npm_loses_its_addresses_and_the_scripts_of_the_job() -> None:
    lock = node_lock_of(resolved="https://u:secret@registry.example/alpha.tgz")
    declaration = found({"package.json": PACKAGE, "package-lock.json": lock}, script="run.js")
    assert declaration is not None and declaration.lock is not None
    assert declaration.kind is DependencyKind.PACKAGE_LOCK
    assert "secret" not in declaration.lock and "postinstall" not in declaration.lock
    assert set(files_of_lock(declaration.lock)) == {"package.json", "package-lock.json"}


NODE_REFUSED = {
    "no hash": (PACKAGE, node_lock_of(integrity=""), "has no hash for node_modules/alpha"),
    "a link": (PACKAGE, node_lock_of(link=True), "from a folder"),
    "another declaration": (
        PACKAGE.replace("alpha", "beta"),
        node_lock_of(),
        "other dependencies (alpha, beta)",
    ),
    "an old form": (PACKAGE, '{"lockfileVersion": 1}', "form that is not read"),
    "workspaces": ('{"workspaces": ["a"], "dependencies": {"a": "1"}}', "{}", "workspaces"),
    "a list": ('{"dependencies": ["alpha"]}', "{}", "not an object"),
    "a repository": (PACKAGE.replace("^1.0.0", "someone/alpha"), "{}", "elsewhere than a registry"),
}


@pytest.mark.parametrize("name", NODE_REFUSED)
def test_files_of_npm_that_are_not_allowed_are_refused(name: str) -> None:
    package, lock, expected = NODE_REFUSED[name]
    with pytest.raises(DependenciesRefused) as refused:
        found({"package.json": package, "package-lock.json": lock}, script="run.mjs")
    assert expected in str(refused.value)


@pytest.mark.parametrize("script", ["run.py", "run.sh"])
def test_a_script_of_another_type_has_no_packages_of_node(script: str) -> None:
    assert found({"package.json": PACKAGE}, script=script) is None


def test_a_package_json_without_dependencies_declares_none() -> None:
    assert found({"package.json": '{"type": "module"}'}, script="run.js") is None
    assert found({"package.json": PACKAGE, "node_modules/alpha/index.js": ""}, script="run.js") is None


@pytest.mark.parametrize(
    "content",
    [
        "alpha\r\nbeta==1\r\n".encode("utf-16"),
        b"\xfe\xff" + "alpha\nbeta==1\n".encode("utf-16-be"),
        "# f\xfcr alle\nalpha\nbeta==1\n".encode("latin-1"),
    ],
)
def test_requirements_in_other_codes_are_read_and_handed_on_in_utf_8(content: bytes) -> None:
    files = {"run.py": b"", "requirements.txt": content}
    declaration = find_declaration("run.py", files, lambda path: files[path], WHEELS_ONLY)
    assert declaration is not None
    lines = declaration.files["requirements.txt"].decode().splitlines()
    assert lines[-2:] == ["alpha", "beta==1"]


@pytest.mark.parametrize("content", ["b\xe9ta\n".encode("latin-1"), b"\xff\xfea"])
def test_requirements_that_cannot_be_read_are_refused(content: bytes) -> None:
    files = {"run.py": b"", "requirements.txt": content}
    with pytest.raises(DependenciesRefused, match="is not UTF-8"):
        find_declaration("run.py", files, lambda path: files[path], WHEELS_ONLY)


PROJECT = '[project]\nname = "x"\ndependencies = ["a"]\n'


@pytest.mark.parametrize(
    "files",
    [
        {"uv.lock": "package = [1]\n", "pyproject.toml": PROJECT},
        {"uv.lock": "manifest = 3\n", "pyproject.toml": PROJECT},
        {
            "uv.lock": "[[package]]\nsource = { virtual = '.' }\nmetadata = { requires-dist = [{}] }\n",
            "pyproject.toml": PROJECT,
        },
        {"pylock.toml": "lock-version = '1.0'\npackages = [3]\n"},
        {"pylock.toml": "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\nwheels = 'x'\n"},
        {"pylock.toml": "lock-version = 1\n"},
        {"pylock.toml": "lock-version = '1.0'\n[[packages]]\nname = 'a'\nwheels = [{ url = 'x' }]\n"},
        {"pyproject.toml": '[project]\nname = "x"\ndynamic = 3\n'},
        {
            "package.json": '{"dependencies": {"a": "1"}}',
            "package-lock.json": '{"lockfileVersion": 3, "packages": {"": 3}}',
        },
        {
            "package.json": '{"dependencies": {"a": "1"}}',
            "package-lock.json": '{"lockfileVersion": 3, "packages": {"": {"dependencies": []}}}',
        },
    ],
)
def test_files_of_the_wrong_shape_are_refused(files: dict[str, str]) -> None:
    with pytest.raises(DependenciesRefused):
        found(files, "run.js" if "package.json" in files else "run.py")


def test_a_frozen_path_is_refused_with_the_command_that_writes_versions() -> None:
    with pytest.raises(DependenciesRefused, match="pip list --format=freeze"):
        found({"requirements.txt": "certifi @ file:///croot/certifi\n"})
