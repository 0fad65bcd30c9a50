"""JavaScript jobs whose package.json declares packages."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.node_registry import NodeRegistry, node_registry
from support.programs import need_program
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import job_folder, output_log
from support.small_disk import small_disk
from webjobs_events.commands import ReplyCode
from webjobs_events.events import DependenciesPrepared, Deployed, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.dependencies.vocabulary import DependencyKind
from webjobs_rules.job import JobType

TRIGGERED = JobType.TRIGGERED
COMMON = "console.log('alpha', require('alpha').VERSION)\n"
MODULE = "import alpha from 'alpha'\nconsole.log('alpha', alpha.VERSION)\n"
PACKAGE = json.dumps(
    {"name": "job", "version": "1.0.0", "dependencies": {"beta": "^1.0.0", "alpha": "^1.0.0"}}
)


@pytest.fixture
def registry() -> Iterator[NodeRegistry]:
    need_program("node")
    need_program("npm")
    with node_registry() as found:
        found.add("alpha")
        found.add("beta", dependencies={"alpha": "^1.0.0"}, scripts={"postinstall": "exit 1"})
        yield found


@pytest.fixture
async def runner(
    bus: Bus, nats_url: str, tmp_path: Path, registry: NodeRegistry
) -> AsyncIterator[RunningRunner]:
    async with running_runner(bus, nats_url, tmp_path, environment=registry.variables) as running:
        yield running


@pytest.mark.parametrize(("name", "text"), [("run.js", COMMON), ("run.mjs", MODULE)])
async def test_a_script_finds_the_packages_of_its_package_json(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    registry: NodeRegistry,
    bus: Bus,
    tmp_path: Path,
    name: str,
    text: str,
) -> None:
    await caller.deploy(TRIGGERED, "job", {name: text, "package.json": PACKAGE})
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "alpha 1.0.0" in output_log(tmp_path, "job", run).read_text()
    (prepared,) = recorder.of(DependenciesPrepared)
    assert (prepared.packages, prepared.reused) == (2, False)
    assert not (job_folder(tmp_path, TRIGGERED, "job") / "node_modules").exists()
    entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, "job"))
    assert entry is not None
    definition = msgspec.json.decode(entry.value, type=JobDefinition)
    assert definition.dependencies is not None
    assert definition.dependencies.kind is DependencyKind.PACKAGE_JSON
    registry.add("alpha", "1.1.0")
    registry.failing = True
    await caller.deploy(TRIGGERED, "job", {name: text + "\n", "package.json": PACKAGE})
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "alpha 1.0.0" in output_log(tmp_path, "job", run).read_text()


async def test_a_script_finds_packages_beside_what_git_and_tools_left_in_node_modules(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    left = {"node_modules/.gitkeep": "", "node_modules/.package-lock.json": "{}"}
    await caller.deploy(TRIGGERED, "job", {"run.js": COMMON, "package.json": PACKAGE, **left})
    for _ in range(2):
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
        assert "alpha 1.0.0" in output_log(tmp_path, "job", run).read_text()


async def test_a_lock_is_installed_as_it_is_and_without_its_addresses(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, registry: NodeRegistry, tmp_path: Path
) -> None:
    alpha = registry.packages["alpha"]["1.0.0"]
    registry.add("alpha", "1.1.0")
    integrity = registry._dist("alpha", "1.0.0", alpha[1])["integrity"]
    package = {"name": "job", "version": "1.0.0", "dependencies": {"alpha": "^1.0.0"}}
    locked = {"version": "1.0.0", "resolved": "http://127.0.0.1:9/alpha.tgz", "integrity": integrity}
    lock = {"name": "job", "lockfileVersion": 3, "packages": {"": package, "node_modules/alpha": locked}}
    files = {"run.js": COMMON, "package.json": json.dumps(package), "package-lock.json": json.dumps(lock)}
    await caller.deploy(TRIGGERED, "job", files)
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "alpha 1.0.0" in output_log(tmp_path, "job", run).read_text()
    stale = json.dumps({**package, "dependencies": {"alpha": "^1.0.0", "beta": "^1.0.0"}})
    reply = await caller.deploy(
        TRIGGERED, "job", {**files, "package.json": stale}, expect=ReplyCode.INVALID_DEPENDENCIES
    )
    assert "package-lock.json was made for other dependencies (beta)" in reply.message


async def test_a_lock_as_npm_makes_it_is_installed_whatever_the_package_json_has(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, registry: NodeRegistry, tmp_path: Path
) -> None:
    inner = {"package.json": '{"name": "inner", "version": "1.0.0"}', "index.js": "exports.IN = 'inner'\n"}
    registry.add("inner")
    registry.add(
        "bundler",
        code="module.exports = require('inner')\n",
        files={f"node_modules/inner/{path}": text for path, text in inner.items()},
        dependencies={"inner": "^1.0.0"},
        bundleDependencies=["inner"],
    )
    registry.add("both", dependencies={"alpha": "^1.0.0"})
    registry.add("tests", dependencies={"helper": f"{registry.url}helper/-/helper-1.0.0.tgz"})
    registry.add("helper")
    package = {
        "name": "My Job",
        "dependencies": {"bundler": "^1.0.0", "both": "^9.0.0", "named": "npm:alpha@^1.0.0"},
        "optionalDependencies": {"both": "^1.0.0"},
        "devDependencies": {"tests": f"{registry.url}tests/-/tests-1.0.0.tgz"},
    }
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "package.json").write_text(json.dumps(package))
    made = await asyncio.create_subprocess_exec(
        *(
            "npm",
            "install",
            "--package-lock-only",
            "--no-audit",
            "--no-fund",
            f"--cache={tmp_path / 'cache'}",
        ),
        cwd=desk,
        env={**os.environ, **registry.variables},
    )
    assert await made.wait() == 0
    script = "console.log(require('bundler').IN, require('both').VERSION, require('named').VERSION)\n"
    files = {name: (desk / name).read_text() for name in ("package.json", "package-lock.json")}
    assert '"inBundle": true' in files["package-lock.json"] and '"dev": true' in files["package-lock.json"]
    await caller.deploy(TRIGGERED, "job", {"run.js": script, **files})
    run = await caller.run("job")
    assert isinstance(await recorder.end_of(run), RunSuccess)
    assert "inner 1.0.0 1.0.0" in output_log(tmp_path, "job", run).read_text()


@pytest.fixture
def elsewhere() -> Iterator[NodeRegistry]:
    """What offers the same as the registry, and is asked by no installation."""
    with node_registry() as found:
        found.add("alpha", code="exports.VERSION = 'elsewhere'\n")
        yield found


def _address_in(field: str, address: str) -> dict[str, Any]:
    """What stands in the lock for alpha so that npm would fetch it from an address."""
    return {
        "resolved": {"resolved": address},
        "_resolved": {"_resolved": address},
        "version": {"version": address},
        "name": {"name": f"alpha@{address}#"},
        "dependencies": {"dependencies": {"more": address}},
        "bundled": {"version": address, "integrity": "", "inBundle": True},
    }[field]


@pytest.mark.parametrize(
    ("field", "is_installed"),
    [
        ("resolved", True),
        ("_resolved", True),
        ("version", False),
        ("name", False),
        ("dependencies", False),
        ("bundled", False),
    ],
)
async def test_no_field_of_a_lock_has_npm_ask_an_address(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    registry: NodeRegistry,
    elsewhere: NodeRegistry,
    tmp_path: Path,
    field: str,
    is_installed: bool,
) -> None:
    content = registry.packages["alpha"]["1.0.0"][1]
    entry = {"version": "1.0.0", "integrity": registry._dist("alpha", "1.0.0", content)["integrity"]}
    entry |= _address_in(field, f"{elsewhere.url}alpha/-/alpha-1.0.0.tgz")
    package = {"dependencies": {"alpha": "*"}}
    lock = {"lockfileVersion": 3, "packages": {"": package, "node_modules/alpha": entry}}
    files = {"run.js": COMMON, "package.json": json.dumps(package), "package-lock.json": json.dumps(lock)}
    reply = await caller.deploy(
        *(TRIGGERED, "job", files), expect=ReplyCode.DONE if is_installed else ReplyCode.INVALID_DEPENDENCIES
    )
    assert elsewhere.requests == [] and elsewhere.url not in reply.message
    if is_installed:
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
        assert "alpha 1.0.0" in output_log(tmp_path, "job", run).read_text()


async def test_a_package_that_asks_for_an_address_is_refused_without_asking_it(
    runner: RunningRunner, caller: Caller, registry: NodeRegistry, elsewhere: NodeRegistry
) -> None:
    registry.add("gamma", dependencies={"alpha": f"{elsewhere.url}alpha/-/alpha-1.0.0.tgz"})
    package = json.dumps({"dependencies": {"gamma": "*"}})
    reply = await caller.deploy(
        *(TRIGGERED, "job", {"run.js": COMMON, "package.json": package}),
        expect=ReplyCode.INVALID_DEPENDENCIES,
    )
    assert elsewhere.requests == [] and elsewhere.url not in reply.message
    assert "from elsewhere than a registry" in reply.message


REFUSED = {
    "no such package": ({"package.json": PACKAGE.replace("alpha", "gamma")}, "gamma"),
    "in place": ({"package.json": PACKAGE, "settings.job": '{"is_in_place": true}'}, "is_in_place"),
    "another tool": ({"package.json": PACKAGE, "yarn.lock": ""}, "Add package-lock.json"),
    "an address": ({"package.json": PACKAGE.replace("^1.0.0", "git+ssh://u:secret@h/x")}, "elsewhere"),
    "a path": ({"package.json": PACKAGE.replace("^1.0.0", "file:../x")}, "elsewhere"),
    "no JSON": ({"package.json": "{"}, "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_not_installed_is_refused(runner: RunningRunner, caller: Caller, name: str) -> None:
    files, says = REFUSED[name]
    reply = await caller.deploy(
        TRIGGERED, "job", {"run.js": COMMON, **files}, expect=ReplyCode.INVALID_DEPENDENCIES
    )
    assert says in reply.message
    assert "://" not in reply.message and "secret" not in reply.message
    assert ".environments" not in reply.message


async def test_packages_that_the_job_brings_are_left_alone(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, registry: NodeRegistry
) -> None:
    own = {"node_modules/alpha/index.js": "module.exports = {VERSION: 'own'}\n", "package.json": PACKAGE}
    await caller.deploy(TRIGGERED, "job", {"run.js": COMMON, **own})
    assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
    assert not registry.requests and not recorder.of(DependenciesPrepared)
    assert recorder.of(Deployed)


async def test_a_full_disk_refuses_a_deployment_and_leaves_nothing(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, registry: NodeRegistry, tmp_path: Path
) -> None:
    noise = random.Random(1).randbytes(30_000_000).hex()
    registry.add("large", code=f"module.exports = '{noise}'\n")
    large = json.dumps({"name": "job", "version": "1.0.0", "dependencies": {"large": "1.0.0"}})
    limits = {"disk_reserve_mb": 0}
    with small_disk(tmp_path / "disk", 48) as disk:
        node = disk.path / "site" / "data" / ".environments" / "node"
        async with running_runner(bus, nats_url, disk.path, environment=registry.variables, settings=limits):
            await caller.deploy(TRIGGERED, "job", {"run.js": COMMON, "package.json": PACKAGE})
            await caller.deploy(
                TRIGGERED, "job", {"run.js": "", "package.json": large}, expect=ReplyCode.NO_SPACE
            )
            assert not list(node.glob(".tmp-*"))
            assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)


async def test_eight_deployments_of_one_lock_build_it_once(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    files = {"run.js": COMMON, "package.json": PACKAGE}
    deploying = (caller.deploy(TRIGGERED, f"job{number}", files) for number in range(8))
    await asyncio.gather(*deploying)
    await eventually(lambda: len(recorder.of(DependenciesPrepared)) == 8)
    (key,) = {each.key for each in recorder.of(DependenciesPrepared)}
    node = tmp_path / "site" / "data" / ".environments" / "node"
    assert [each.name for each in node.iterdir() if each.is_dir()] == [key]


async def test_a_registry_that_is_away_is_no_fault_of_the_upload(
    runner: RunningRunner, caller: Caller, registry: NodeRegistry
) -> None:
    registry.failing = True
    reply = await caller.deploy(
        TRIGGERED,
        "job",
        {"run.js": COMMON, "package.json": PACKAGE},
        expect=ReplyCode.DEPENDENCIES_UNAVAILABLE,
    )
    assert registry.url not in reply.message


WRITES = {"postinstall": "node -e \"require('fs').writeFileSync('made', JSON.stringify(process.env))\""}
HAS = "console.log(['alpha', 'delta'].filter(n => require('fs').existsSync(`node_modules/${n}/made`)))\n"
LISTS = json.dumps(
    {"dependencies": {"alpha": "1", "delta": "1"}, "allowScripts": {"delta": True, "alpha": False}}
)


@pytest.mark.parametrize(
    ("setting", "expected"), [("none", "[]"), ("listed", "[ 'delta' ]")], ids=["none", "listed"]
)
async def test_scripts_run_of_packages_that_the_job_lists_where_the_operator_allows_it(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    registry: NodeRegistry,
    tmp_path: Path,
    setting: str,
    expected: str,
) -> None:
    for name in ("alpha", "delta"):
        registry.add(name, scripts=WRITES, hasInstallScript=True)
    canary = {"SECRET_OF_SERVICE": "canary", "NPM_TOKEN": "canary"}
    settings = {"install_scripts": setting}
    variables = {**registry.variables, **canary}
    async with running_runner(bus, nats_url, tmp_path, environment=variables, settings=settings):
        await caller.deploy(TRIGGERED, "job", {"run.js": HAS, "package.json": LISTS})
        run = await caller.run("job")
        assert isinstance(await recorder.end_of(run), RunSuccess)
    assert f"INFO] {expected}\n" in output_log(tmp_path, "job", run).read_text()
    (deployed,) = recorder.of(Deployed)
    is_warned = any("WEBJOBS_INSTALL_SCRIPTS=listed" in each for each in deployed.warnings)
    assert is_warned == (setting == "none")
    written = list((tmp_path / "site/data/.environments/node").glob("*/node_modules/*/made"))
    assert len(written) == (0 if setting == "none" else 1)
    assert not any("canary" in path.read_text() for path in written)


async def test_a_script_of_a_package_that_fails_is_a_refusal(
    bus: Bus, nats_url: str, caller: Caller, registry: NodeRegistry, tmp_path: Path
) -> None:
    registry.add("delta", scripts={"install": "echo no compiler >&2; exit 3"}, hasInstallScript=True)
    async with running_runner(
        bus, nats_url, tmp_path, environment=registry.variables, settings={"install_scripts": "listed"}
    ):
        reply = await caller.deploy(
            TRIGGERED,
            "job",
            {"run.js": HAS, "package.json": LISTS.replace('"alpha": "1", ', "")},
            expect=ReplyCode.INVALID_DEPENDENCIES,
        )
    assert "A script of the packages of package.json failed" in reply.message
    assert "no compiler" in reply.message
