"""What `webjobs deps` prints of a job's packages."""

from datetime import UTC, datetime

from msgspec.structs import replace
from webjobs_cli.commands.deps import lines_of
from webjobs_cli.shapes.deps import DependenciesShown, LockedPackage, LockUser, Preparation

BUILT = Preparation(
    key="b5bb9d8014a0f9b1",
    at=datetime(2026, 1, 2, tzinfo=UTC),
    runner="327e1e",
    seconds=0.75,
    reused=False,
    interpreter="cpython 3.12.1",
    packages=2,
    bytes=4_100_000,
)
SHOWN = DependenciesShown(
    kind="requirements",
    input_digest="9f86",
    lock_digest="2c26b46b68ffc68f",
    requires_python=">=3.11",
    packages=[LockedPackage("alpha", "1.0"), LockedPackage("beta", "2.0", "python_version < '3.12'")],
    jobs=[LockUser("triggered", "a"), LockUser("continuous", "b")],
    prepared=BUILT,
    lock=None,
    declared_in=["src/requirements.txt"],
    environments=[BUILT, replace(BUILT, runner="abcdef", reused=True)],
)


def test_files_lock_environments_users_and_packages() -> None:
    declared, one, other, shared, *packages = lines_of(SHOWN, "a")
    assert declared == "declared in src/requirements.txt; lock 2c26b46b68ff, for Python >=3.11"
    assert one.startswith(
        "environment b5bb9d8014a0, cpython 3.12.1, 2 packages, 4.1 MB, built in 0.8 s on runner 327e1e "
    )
    assert ", found on runner abcdef " in other
    assert shared == "shared by triggered/a, continuous/b"
    assert packages == ["  alpha 1.0", "  beta 2.0  where python_version < '3.12'"]


def test_a_server_of_an_earlier_release_says_less() -> None:
    prepared = replace(BUILT, interpreter="", packages=None, bytes=None)
    declared, one, *_ = lines_of(replace(SHOWN, declared_in=[], environments=[], prepared=prepared), "a")
    assert declared.startswith("declared in requirements.txt; lock")
    assert one.startswith("environment b5bb9d8014a0, built in 0.8 s on runner 327e1e ")


def test_the_script_itself_may_declare_them() -> None:
    block = replace(SHOWN, kind="script", declared_in=["run.py"])
    assert next(iter(lines_of(block, "a"))).startswith("declared in the block # /// script of run.py; lock")


def test_nothing_is_declared() -> None:
    assert list(lines_of(replace(SHOWN, kind=None), "a")) == ["a declares no packages"]
