"""Which packages of Node.js may run scripts when they are installed."""

import json
from typing import Any

import pytest
from webjobs_rules.dependencies.declaration import find_declaration, input_digest
from webjobs_rules.dependencies.install_scripts import allowed_scripts, packages_with_scripts
from webjobs_rules.dependencies.node_lock import files_of_lock, node_lock, scripts_of_lock
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.errors import DependenciesRefused

NONE, LISTED = DependencyPolicy(), DependencyPolicy(install_scripts=True)
PACKAGES: dict[str, dict[str, Any]] = {
    "": {"dependencies": {"a": "1"}, "hasInstallScript": True},
    "node_modules/a": {"version": "1.0.0", "hasInstallScript": True, "integrity": "sha512-a"},
    "node_modules/b": {"version": "1.0.0", "hasInstallScript": True, "integrity": "sha512-b"},
    "node_modules/b/node_modules/a": {"version": "2.0.0", "hasInstallScript": True, "integrity": "sha512-c"},
    "node_modules/@s/c": {"version": "1.0.0", "hasInstallScript": True, "integrity": "sha512-d"},
    "node_modules/x": {"name": "d", "version": "3.0.0", "hasInstallScript": True, "integrity": "sha512-e"},
    "node_modules/plain": {"version": "1.0.0", "integrity": "sha512-f", "bundleDependencies": ["in"]},
    "node_modules/plain/node_modules/in": {"version": "1.0.0", "hasInstallScript": True, "inBundle": True},
}


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ({}, []),
        ({"a": True}, ["a@1.0.0", "a@2.0.0"]),
        ({"a@*": True}, ["a@1.0.0", "a@2.0.0"]),
        ({"a@1.0.0": True}, ["a@1.0.0"]),
        ({"a@1.0.0 || v2.0.0": True}, ["a@1.0.0", "a@2.0.0"]),
        ({"a": True, "a@2.0.0": False}, ["a@1.0.0"]),
        ({"a": False, "a@2.0.0": True}, []),
        ({"@s/c": True}, ["@s/c@1.0.0"]),
        ({"@s/c@1.0.0": True}, ["@s/c@1.0.0"]),
        ({"x": True}, []),  # the name under which it is installed says nothing about what it is
        ({"d": True}, ["d@3.0.0"]),
        ({"plain": True, "in": True, "absent": True, "a@9.9.9": True}, []),
    ],
)
def test_the_list_names_packages_or_exact_versions(allow: dict[str, bool], expected: list[str]) -> None:
    assert allowed_scripts(allow, PACKAGES) == expected


@pytest.mark.parametrize(
    "allow", [[], "a", {"a@^1": True}, {"a@latest": True}, {"": True}, {"a": "yes"}, {"git+ssh://x": True}]
)
def test_what_npm_does_not_read_is_refused(allow: object) -> None:
    with pytest.raises(DependenciesRefused, match="allowScripts of package"):
        allowed_scripts(allow, PACKAGES)


def test_every_package_with_a_script_is_known() -> None:
    assert packages_with_scripts(PACKAGES) == ["@s/c@1.0.0", "a@1.0.0", "a@2.0.0", "b@1.0.0", "d@3.0.0"]


def test_a_lock_says_which_scripts_run_and_a_lock_without_a_list_is_as_before() -> None:
    text = json.dumps({"lockfileVersion": 3, "packages": PACKAGES})
    package = {"dependencies": {"a": "1"}}
    plain, listing = node_lock(package, text), node_lock({**package, "allowScripts": {"a": True}}, text)
    assert json.loads(plain).keys() == {"lock", "package"}
    assert scripts_of_lock(plain)[0] == []
    assert scripts_of_lock(listing) == (["a@1.0.0", "a@2.0.0"], ["@s/c@1.0.0", "b@1.0.0", "d@3.0.0"])
    assert b"allowScripts" not in files_of_lock(plain)["package.json"]
    assert json.loads(files_of_lock(listing)["package.json"])["allowScripts"] == {"a": True}


def test_the_list_counts_where_the_operator_allows_it() -> None:
    texts = [json.dumps({"dependencies": {"a": "1"}, "allowScripts": {name: True}}) for name in ("a", "b")]

    def found(text: str, policy: DependencyPolicy) -> Any:
        files = {"run.js": b"", "package.json": text.encode()}
        return find_declaration("run.js", files, lambda path: files[path], policy)

    without = found(json.dumps({"dependencies": {"a": "1"}}), NONE)
    assert {input_digest(found(text, NONE), NONE) for text in texts} == {input_digest(without, NONE)}
    assert len({input_digest(found(text, LISTED), LISTED) for text in texts}) == 2
    (warning,) = found(texts[0], NONE).warnings
    assert "lists a: the operator allows it with WEBJOBS_INSTALL_SCRIPTS=listed" in warning
    assert found(texts[0], LISTED).warnings == []
