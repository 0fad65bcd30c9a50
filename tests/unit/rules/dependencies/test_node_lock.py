"""package.json and its locks as people bring them."""

import json
from typing import Any

import pytest
from webjobs_rules.dependencies.declaration import Declaration, find_declaration
from webjobs_rules.dependencies.node_lock import files_of_lock
from webjobs_rules.dependencies.node_package import is_from_elsewhere
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
        "user@host.example:path",
        "C:x",
        ".",
        "a\\b",
        "npm:http:b@1",
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
        ({"dependencies": ["a"]}, "Write names with versions"),
        ({"dependencies": {"a": 1}}, "not a text"),
        ({"dependencies": {"../a": "1"}}, "no name of a package"),
        ({"dependencies": {"": "1"}}, "no name of a package"),
        ({"dependencies": {"a": None}}, "not a text"),
        ({**PACKAGE, "peerDependencies": {"a": []}}, "not a text"),
        ({**PACKAGE, "workspaces": ["x"]}, "has workspaces"),
        ({**PACKAGE, "overrides": {"b": "$c"}}, "none of its dependencies"),
        ({**PACKAGE, "devDependencies": {"c": "a/b"}, "overrides": {"b": "$c"}}, "elsewhere"),
        ({**PACKAGE, "overrides": [1]}, "overrides that are not an object"),
        ({**PACKAGE, "overrides": "x"}, "overrides that are not an object"),
        ({**PACKAGE, "overrides": {"b": [1]}}, "overrides that are not an object"),
        ("[]", "not a JSON object"),
        ("// x\n{}", "not JSON"),
        ('{"dependencies": {"a": NaN}}', "not JSON"),
        ('{"dependencies": {"\\ud800": 1}}', "not JSON"),
    ],
)
def test_a_package_of_the_wrong_shape_is_refused_with_what_to_do(package: object, says: str) -> None:
    with pytest.raises(DependenciesRefused, match=says):
        found(package_json=package)


@pytest.mark.parametrize(
    "package",
    [
        {},
        {"type": "module"},
        {"dependencies": None},
        {"dependencies": []},
        {"devDependencies": {"a": "1"}},
        {"devDependencies": [1]},
        {"workspaces": ["x"]},
        {"overrides": 1},
        {"peerDependencies": {"a": "1"}},
    ],
)
def test_a_package_that_asks_for_nothing_is_no_declaration(package: object) -> None:
    assert found(package_json=package) is None


def test_what_overrides_name_by_another_table_is_written_out() -> None:
    package = {
        **PACKAGE,
        "devDependencies": {"d": "^4"},
        "overrides": {"b": "$a", "c": {".": "$d", "e": "5"}},
    }
    assert locked(PACKAGES, package)["package"]["overrides"] == {"b": "^1", "c": {".": "^4", "e": "5"}}


@pytest.mark.parametrize(
    "entry",
    [
        {"node_modules/../../b": ENTRY},
        {"node_modules/..": ENTRY},
        {"node_modules/a/../b": ENTRY},
        {"b": ENTRY},
        {"node_modules/http:b": ENTRY},
        {"node_modules/http:b#": ENTRY},
        {"node_modules/b c": ENTRY},
        {"node_modules/b": {**ENTRY, "link": True}},
        {"node_modules/b": {**ENTRY, "integrity": 5}},
        {"node_modules/b": {**ENTRY, "integrity": ""}},
        {"node_modules/b": {**ENTRY, "integrity": "md5-aa"}},
        {"node_modules/b": {**ENTRY, "integrity": "md5-aa sha512-aa"}},
        {"node_modules/b": {**ENTRY, "version": 1}},
        {"node_modules/b": {**ENTRY, "version": ""}},
        {"node_modules/b": {**ENTRY, "version": "^1.0.0"}},
        {"node_modules/b": {**ENTRY, "version": "latest"}},
        {"node_modules/b": {**ENTRY, "version": "http://h/x.tgz"}},
        {"node_modules/b": {**ENTRY, "version": "1.0.0\n"}},
        {"node_modules/b": {"integrity": "sha512-aa"}},
        {"node_modules/b": {**ENTRY, "name": 3}},
        {"node_modules/b": {**ENTRY, "name": ""}},
        {"node_modules/b": {**ENTRY, "name": "http://h#"}},
        {"node_modules/b": {**ENTRY, "name": "x@http://h#"}},
        {"node_modules/b": {**ENTRY, "name": "npm:x"}},
        {"node_modules/b": {**ENTRY, "name": ".."}},
        {"node_modules/b": {**ENTRY, "dependencies": {"c": "http://h/x.tgz"}}},
        {"node_modules/b": {**ENTRY, "optionalDependencies": {"c": "git+ssh://git@h/c"}}},
        {"node_modules/b": {**ENTRY, "peerDependencies": {"c": "a/c"}}},
        {"node_modules/b": {**ENTRY, "dependencies": {"c": "1"}, "peerDependencies": {"c": "file:../c"}}},
        {"node_modules/b": {**ENTRY, "dependencies": {"../c": "1"}}},
        {"node_modules/b": {**ENTRY, "dependencies": ["c"]}},
        {"node_modules/b": {**ENTRY, "bundleDependencies": {"c": "1"}}},
        {"node_modules/b": {**ENTRY, "version": "1.0.0", "integrity": "", "inBundle": True}},
        {"node_modules/a/node_modules/b": {"version": "1.0.0", "inBundle": True}},
        {"node_modules/b": "x"},
    ],
)
def test_a_lock_with_what_is_not_from_a_registry_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(DependenciesRefused, match="package-lock"):
        locked({**PACKAGES, **entry})


def test_what_npm_takes_addresses_from_is_not_passed_on() -> None:
    """Source: npm: arborist's Node takes these from what a lock says of a package."""
    address = "https://elsewhere.example/a.tgz"
    hidden = {
        "_resolved": address,
        "_from": address,
        "_hasShrinkwrap": True,
        "hasShrinkwrap": True,
        "from": address,
    }
    made = locked({**PACKAGES, "": {**PACKAGE, **hidden}, "node_modules/a": {**ENTRY, **hidden}})
    assert made["packages"]["node_modules/a"] == {"version": "1.0.0", "integrity": "sha512-aa"}
    assert "elsewhere.example" not in json.dumps(made) and "hrinkwrap" not in json.dumps(made)


def test_what_npm_needs_of_a_package_is_kept() -> None:
    needed = {
        "name": "real",
        "version": "1.0.0-rc.1+b",
        "integrity": "sha1-aa= sha512-bb==",
        "dependencies": {"c": "npm:d@^1"},
        "peerDependencies": {"e": "*"},
        "peerDependenciesMeta": {"e": {"optional": True}},
        "engines": ["node >= 0.6"],
        "os": ["linux"],
        "bin": {"x": "x.js"},
        "optional": True,
        "hasInstallScript": True,
    }
    assert locked({**PACKAGES, "node_modules/b": needed})["packages"]["node_modules/b"] == needed


def test_a_hash_that_never_ends_is_read_in_no_time() -> None:
    with pytest.raises(DependenciesRefused, match="no hash"):
        locked({**PACKAGES, "node_modules/b": {**ENTRY, "integrity": "sha1-a" * 100_000 + " !"}})


def test_half_a_character_in_a_lock_is_not_json() -> None:
    text = json.dumps({"lockfileVersion": 3, "packages": {**PACKAGES, "node_modules/\ud800": ENTRY}})
    with pytest.raises(DependenciesRefused, match="not JSON") as refusal:
        found(package_json=PACKAGE, package__lock_json=text)
    assert str(refusal.value).encode()


def test_nested_and_scoped_packages_are_kept_without_addresses() -> None:
    more = {"node_modules/@s/b": ENTRY, "node_modules/@s/b/node_modules/a.b_c-d": ENTRY}
    packages = locked({**PACKAGES, **more})["packages"]
    assert packages.keys() == {*PACKAGES, *more}
    assert not any("resolved" in entry for entry in packages.values())


def test_packages_that_others_bring_need_no_hash() -> None:
    inside = {"version": "1.0.0", "inBundle": True}
    bundler = {**ENTRY, "bundleDependencies": ["b"]}
    packages = {
        **PACKAGES,
        "node_modules/a": bundler,
        "node_modules/a/node_modules/b": {**inside, "dependencies": {"c": "1"}},
        "node_modules/a/node_modules/b/node_modules/d": inside,
        "node_modules/a/node_modules/c": {**inside, "dependencies": {"b": "1"}},
    }
    assert locked(packages)["packages"].keys() == packages.keys()
    for place in ("node_modules/a/node_modules/e", "node_modules/b", "node_modules/a/node_modules/c/x"):
        with pytest.raises(DependenciesRefused):
            locked({**packages, place: inside})
    with pytest.raises(DependenciesRefused, match="no hash"):
        locked({**packages, "node_modules/a": {**bundler, "integrity": ""}})


def test_a_package_that_is_optional_and_required_is_optional_as_for_npm() -> None:
    package = {"dependencies": {"a": "^1", "b": "^1"}, "optionalDependencies": {"a": "^2"}}
    root = {"dependencies": {"b": "^1"}, "optionalDependencies": {"a": "^2"}}
    for written in (package, root):
        made = locked({"": written, "node_modules/a": ENTRY, "node_modules/b": ENTRY}, package)
        assert {table: made["package"][table] for table in root} == root
        assert {table: made["packages"][""][table] for table in root} == root


def test_what_is_for_development_alone_is_left_out() -> None:
    """It is not installed: it may come from anywhere, with whatever it needs, and change."""
    package = {**PACKAGE, "devDependencies": {"tests": "git+ssh://git@h/tests", "linter": "^1"}}
    packages = {
        **PACKAGES,
        "": {**package, "devDependencies": {"linter": "^2"}},
        "node_modules/tests": {"version": "git+ssh://git@h/tests#1", "resolved": "git+ssh://x", "dev": True},
        "node_modules/linter": {**ENTRY, "dev": True},
        "node_modules/linter/node_modules/x": {"version": "1.0.0", "dev": True},
    }
    assert locked(packages, package) == locked(PACKAGES)


@pytest.mark.parametrize(
    ("field", "name"),
    [({"resolutions": {"b": "1"}}, "resolutions"), ({"pnpm": {"overrides": {"b": "1"}}}, "pnpm")],
)
def test_overrides_of_other_tools_are_named(field: dict[str, Any], name: str) -> None:
    declaration = found(package_json={**PACKAGE, **field})
    assert declaration is not None
    (warning,) = declaration.warnings
    assert warning.startswith(name) and "overrides. Write them there." in warning


@pytest.mark.parametrize(
    ("path", "is_package"),
    [
        (".gitkeep", False),
        (".cache/x", False),
        (".package-lock.json", False),
        ("a/index.js", True),
        ("@s/a/index.js", True),
    ],
)
def test_what_tools_leave_in_node_modules_is_no_package(path: str, is_package: bool) -> None:
    content = {"run.js": b"", "package.json": json.dumps(PACKAGE).encode(), f"node_modules/{path}": b""}
    declaration = find_declaration("run.js", content, lambda name: content[name], DependencyPolicy())
    assert (declaration is None) == is_package


def test_jobs_with_other_names_and_the_same_packages_have_the_same_lock() -> None:
    assert locked(PACKAGES, {"name": "One", "version": "x", **PACKAGE}) == locked(PACKAGES)


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
