"""docs/configuration.md names every variable that a service reads, and every option of `webjobs up`."""

import re
from pathlib import Path

import pytest
from webjobs_api.settings import ApiSettings
from webjobs_history.settings import HistorySettings
from webjobs_rules.app_settings import JOB_VARIABLES, START_VARIABLES, UNDERSTOOD, is_credential
from webjobs_runner.settings import RunnerSettings
from webjobs_service.settings import ServiceSettings, variables

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "configuration.md").read_text()
VARIABLES = PAGE.split("## Variables of the services")[1]
SAID_IN_WORDS = {
    # Both at once, another port for each service, or derived from the machine.
    *("WEBJOBS_HEALTH_HOST", "WEBJOBS_HEALTH_PORT", "WEBJOBS_INSTANCE_ID", "WEBJOBS_TEMP"),
    *("WEBJOBS_DISK_RESERVE_MB", "WEBJOBS_PYTHONS", "WEBJOBS_HISTORY_SIZE"),
}
CLI = ROOT / "tools" / "cli" / "webjobs_cli"
OF_UP = "".join(
    (CLI / module).read_text()
    for module in ("commands/up.py", "commands/repair.py", "up.py", "json_lines.py")
)


@pytest.mark.parametrize("settings_type", [ApiSettings, HistorySettings, RunnerSettings])
def test_every_variable_of_a_service_is_documented(settings_type: type[ServiceSettings]) -> None:
    missing = [name for name in variables(settings_type) if f"`{name}`" not in PAGE]
    assert not missing


@pytest.mark.parametrize("settings_type", [ApiSettings, HistorySettings, RunnerSettings])
def test_every_variable_says_what_it_is_for(settings_type: type[ServiceSettings]) -> None:
    silent = [name for name, field in variables(settings_type).items() if not field.description]
    assert not silent


@pytest.mark.parametrize("settings_type", [ApiSettings, HistorySettings, RunnerSettings])
def test_every_default_is_documented_as_it_is(settings_type: type[ServiceSettings]) -> None:
    rows = {
        name: default.strip(" `")
        for names, default in re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \| ([^|]*) \|", VARIABLES)
        for name in re.findall(r"`(\w+)`", names)
    }
    wrong = {
        name: (rows.get(name), field.default)
        for name, field in variables(settings_type).items()
        if name not in SAID_IN_WORDS and not _is_same(rows.get(name, ""), field.default)
    }
    assert wrong == {}


def _is_same(written: str, default: object) -> bool:
    if default in (None, "") or repr(default) == "PydanticUndefined":
        return written == ""
    if isinstance(default, bool):
        return written == str(default).lower()
    if isinstance(default, int | float):
        return float(written.replace(",", "")) == default
    return written == str(getattr(default, "value", default))


def test_no_variable_is_documented_that_nothing_reads() -> None:
    known = {name for kind in (ApiSettings, HistorySettings, RunnerSettings) for name in variables(kind)}
    source = "\n".join(
        path.read_text() for folder in ("services", "tools", "libs") for path in (ROOT / folder).rglob("*.py")
    )
    documented = set(re.findall(r"`(WEBJOBS_[A-Z_]+)`", PAGE))
    streams = {"WEBJOBS_SETTINGS"}
    assert not {name for name in documented - known - streams if name not in source}


def test_variables_that_are_read_at_start_are_known_where_app_settings_are_checked() -> None:
    known = {name for kind in (ApiSettings, HistorySettings, RunnerSettings) for name in variables(kind)}
    of_up = set(re.findall(r'"(WEBJOBS_[A-Z_]+)"', sources("tools/stack") + OF_UP))
    at_start = {name for name in known | of_up if not is_credential(name)} - UNDERSTOOD
    assert at_start == START_VARIABLES


def test_variables_of_a_job_are_known_where_app_settings_are_checked() -> None:
    rows = PAGE.split("## What a job sees")[1].split("##")[0]
    assert JOB_VARIABLES | {"WEBJOBS_PORT"} == set(re.findall(r"(?m)^\| `(WEBJOBS_[A-Z_]+)`", rows))


def sources(*folders: str) -> str:
    """The text of every module below these folders."""
    return "\n".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_every_option_of_up_is_documented() -> None:
    options = re.findall(r'"(--[a-z-]+)"', OF_UP)
    assert options
    assert not [option for option in options if f"`{option}`" not in PAGE]
