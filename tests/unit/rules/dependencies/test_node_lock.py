"""package.json and its locks as people bring them."""

import json
from typing import Any

import pytest
from webjobs_rules.dependencies.declaration import Declaration, find_declaration
from webjobs_rules.dependencies.node_lock import files_of_lock, is_from_elsewhere
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.errors import DependenciesRefused

PACKAGE = {"dependencies": {"a": "^1"}}
ENTRY = {"version": "1.0.0", "resolved": "https://elsewhere.example/a.tgz", "integrity": "sha512-aa"}
PACKAGES = {"": PACKAGE, "node_modules/a": ENTRY}


def found(**files: object) -> Declaration | None:
    """Of a job with these files; `_` stands for a dot and `__` for a dash in their names."""
    content = {"run.js": b""}
    for name, value in files.items():
        text = value if isinstance(value, str) else json.dumps(value)
        content[name.replace("__", "-").replace("_", ".")] = text.encode()
    return find_declaration("run.js", content, lambda path: content[path], DependencyPolicy())


def locked(packages: dict[str, Any], package: object = PACKAGE) -> dict[str, Any]:
    """What npm installs from."""
    lock = {"lockfileVersion": 3, "packages": packages}
    declaration = found(package_json=package, package__lock_json=lock)
    assert declaration is not None and declaration.lock is not None
    files = {name: json.loads(text) for name, text in files_of_lock(declaration.lock).items()}
    return {"package": files["package.json"], "packages": files["package-lock.json"]["packages"]}


@pytest.mark.parametrize(
    "version",
    [
        "",
        "*",
        "latest",
        "next",
        "1.x",
        "^1 || ^2",
        ">=1 <2",
        "1.0.0 - 2.0.0",
        "v1.0.0",
        " ^1 ",
        "$b",
        "1.0.0-beta.1+build.5",
        "npm:b",
        "npm:b@1",
        "npm:@s/b@^1.0",
    ],
)
def test_versions_of_a_registry(version: str) -> None:
    assert not is_from_elsewhere(version)


@pytest.mark.parametrize(
    "version",
    [
        "file:../x",
        "link:../x",
        "portal:../x",
        "workspace:*",
        "catalog:",
        "jsr:@s/b",
        "http://h/x.tgz",
        "x.tgz",
        "https://h/x",
        "git://h/x",
        "git+ssh://git@h/x",
        "ssh://h",
        "git@h:a/b.git",
        "github:a/b",
        "gist:aa",
        "a/b",
        "a/b#v1",
        "./x",
        "../x",
        "~/x",
        "/x",
        "..\\x",
        "x.tar.gz",
        "npm:b@file:../x",
        "npm:b@git://h/x",
    ],
)
def test_what_does_not_come_from_a_registry(version: str) -> None:
    assert is_from_elsewhere(version)
    for package in (
        {"dependencies": {"a": version}},
        {"optionalDependencies": {"a": version}},
        {**PACKAGE, "overrides": {"b": version}},
        {**PACKAGE, "overrides": {"b": {".": "1", "c": {"d": version}}}},
    ):
        with pytest.raises(DependenciesRefused, match="elsewhere than a registry"):
            found(package_json=package)


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ({"dependencies": []}, "Write names with versions"),
        ({"dependencies": {"a": 1}}, "not a text"),
        ({"dependencies": {"a": None}}, "not a text"),
        ({**PACKAGE, "overrides": [1]}, "overrides that are not an object"),
        ({**PACKAGE, "overrides": "x"}, "overrides that are not an object"),
        ({**PACKAGE, "overrides": {"b": [1]}}, "overrides that are not an object"),
        ("[]", "not a JSON object"),
        ("// x\n{}", "not JSON"),
    ],
)
def test_a_package_of_the_wrong_shape_is_refused_with_what_to_do(package: object, says: str) -> None:
    with pytest.raises(DependenciesRefused, match=says):
        found(package_json=package)


@pytest.mark.parametrize(
    "package", [{}, {"type": "module"}, {"dependencies": None}, {"devDependencies": {"a": "1"}}]
)
def test_a_package_that_asks_for_nothing_is_no_declaration(package: object) -> None:
    assert found(package_json=package) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"node_modules/../../b": ENTRY},
        {"node_modules/..": ENTRY},
        {"node_modules/a/../b": ENTRY},
        {"b": ENTRY},
        {"node_modules/b": {**ENTRY, "link": True}},
        {"node_modules/b": {**ENTRY, "integrity": 5}},
        {"node_modules/b": {**ENTRY, "integrity": ""}},
        {"node_modules/b": {**ENTRY, "integrity": "md5-aa"}},
        {"node_modules/b": {**ENTRY, "version": 1}},
        {"node_modules/b": {**ENTRY, "name": 3}},
        {"node_modules/b": "x"},
    ],
)
def test_a_lock_with_what_is_not_from_a_registry_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(DependenciesRefused, match="package-lock"):
        locked({**PACKAGES, **entry})


def test_nested_scoped_and_bundled_packages_are_kept_without_addresses() -> None:
    more = {
        "node_modules/@s/b": ENTRY,
        "node_modules/@s/b/node_modules/a.b_c-d": ENTRY,
        "node_modules/a/node_modules/in": {"version": "1.0.0", "inBundle": True},
    }
    packages = locked({**PACKAGES, **more})["packages"]
    assert packages.keys() == {*PACKAGES, *more}
    assert not any("resolved" in entry for entry in packages.values())


def test_what_is_for_development_alone_may_come_from_anywhere_as_it_is_not_installed() -> None:
    package = {**PACKAGE, "devDependencies": {"tests": "git+ssh://git@h/tests", "linter": "^1"}}
    packages = {
        **PACKAGES,
        "": package,
        "node_modules/tests": {"version": "1.0.0", "resolved": "git+ssh://git@h/tests#1", "dev": True},
        "node_modules/linter": {**ENTRY, "dev": True},
    }
    made = locked(packages, package)
    assert made["package"]["devDependencies"] == {"linter": "^1"}
    assert made["packages"][""]["devDependencies"] == {"linter": "^1"}
    assert "node_modules/tests" not in made["packages"] and "node_modules/linter" in made["packages"]


def test_a_shrinkwrap_is_a_lock_and_goes_first() -> None:
    lock = {"lockfileVersion": 3, "packages": PACKAGES}
    declaration = found(package_json=PACKAGE, npm__shrinkwrap_json=lock, package__lock_json="{")
    assert declaration is not None and declaration.source == "npm-shrinkwrap.json" and declaration.lock
    with pytest.raises(DependenciesRefused, match="was made for other"):
        found(package_json={"dependencies": {"b": "1"}}, npm__shrinkwrap_json=lock)


@pytest.mark.parametrize("name", ["yarn_lock", "pnpm__lock_yaml", "bun_lock", "bun_lockb"])
def test_a_lock_of_another_tool_alone_is_refused(name: str) -> None:
    with pytest.raises(DependenciesRefused, match="Add package-lock"):
        found(package_json=PACKAGE, **{name: ""})
    lock = {"lockfileVersion": 3, "packages": PACKAGES}
    assert found(package_json=PACKAGE, package__lock_json=lock, **{name: ""}) is not None
