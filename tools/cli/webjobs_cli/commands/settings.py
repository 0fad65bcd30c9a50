"""`webjobs settings`: the settings of a job, and app settings."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click
import msgspec
from webjobs_client import Client

from webjobs_cli.completion import jobs
from webjobs_cli.connection import connect
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Group
from webjobs_cli.lookup import Job, find_job
from webjobs_cli.names import near, parse_job
from webjobs_cli.setting_values import patch_of, removal_of, value_at
from webjobs_cli.shapes.settings import SettingsChanged, SettingsShown
from webjobs_cli.table import in_one_line, printable

_app = click.option("--app", is_flag=True, help="App settings, instead of those of a job.")


@click.group(cls=Group)
def settings() -> None:
    """Read and change the settings of a job, or with --app those of all jobs.

    What they mean: docs/settings_job.md and docs/configuration.md.
    """


@settings.command("get")
@click.argument("words", nargs=-1, shell_complete=jobs, metavar="[JOB] [KEY]")
@_app
@server_options
@json_option
def get(words: tuple[str, ...], app: bool) -> None:
    """Print all settings, or that of KEY, such as schedule or env.LEVEL."""
    output = invocation().output
    output.check_fields(SettingsShown)
    chosen = _chosen(words, app)
    if len(chosen.rest) > 1:
        raise CommandError("invalid_use", "Name one KEY, or none.", exit_code=2)
    values = _read(chosen)
    shown = SettingsShown(*_named(chosen), values)
    if not chosen.rest:
        output.one(shown, [_pretty(values)])
        return
    key = chosen.rest[0]
    found = values.get(key) if app else value_at(values, key)
    if found is None:
        raise _no_such_setting(key, values)
    text = found if isinstance(found, str) else _pretty(found)
    output.one(SettingsShown(*_named(chosen), {key: found}), [text])


@settings.command("set")
@click.argument("words", nargs=-1, shell_complete=jobs, metavar="[JOB] KEY=VALUE...")
@_app
@server_options
@json_option
def set_values(words: tuple[str, ...], app: bool) -> None:
    """Change settings, such as schedule="0 0 2 * * *" or env.LEVEL=debug; the others stay.

    A VALUE that is JSON counts as such: true, 30, {"limit": 2}. In env, and with --app, it is always text.
    """
    chosen = _chosen(words, app)
    changes = patch_of(chosen.rest, only_text=app)
    keys = [word.partition("=")[0] for word in chosen.rest]
    _change(chosen, keys, changes, lambda client: client.set_app_settings(changes))


@settings.command()
@click.argument("words", nargs=-1, shell_complete=jobs, metavar="[JOB] KEY...")
@_app
@server_options
@json_option
def unset(words: tuple[str, ...], app: bool) -> None:
    """Take settings away."""
    chosen = _chosen(words, app)
    if not chosen.rest:
        raise CommandError("invalid_use", "Name the KEY to take away.", exit_code=2)
    values = _read(chosen)
    for key in chosen.rest:
        if (values.get(key) if app else value_at(values, key)) is None:
            raise _no_such_setting(key, values)

    def remove(client: Client) -> None:
        for key in chosen.rest:
            client.delete_app_setting(key)

    _change(chosen, list(chosen.rest), removal_of(chosen.rest), remove)


@settings.command()
@click.argument("words", nargs=-1, shell_complete=jobs, metavar="[JOB]")
@_app
@server_options
@json_option
def edit(words: tuple[str, ...], app: bool) -> None:
    """Change settings in the editor that VISUAL or EDITOR names.

    They are checked when the editor is closed, and what is wrong can be corrected. What another client has
    changed meanwhile is not overwritten.
    """
    from webjobs_cli.settings_editor import edit_app_settings, edit_job_settings

    chosen = _chosen(words, app)
    if chosen.rest:
        raise CommandError("invalid_use", f"{chosen.rest[0]!r} is one word too many.", exit_code=2)
    if chosen.job is None:
        changed, warnings = edit_app_settings(chosen.client)
    else:
        changed, warnings = edit_job_settings(chosen.client, chosen.job)
    _print_changed(chosen, changed, warnings)


def _no_such_setting(key: str, values: Mapping[str, Any]) -> CommandError:
    meant = near(key, values)
    remedy = "Set it by `webjobs settings set`." if meant is None else f"Did you mean {meant!r}?"
    return CommandError("no_such_setting", f"There is no setting {key!r}.", remedy)


class _Chosen(NamedTuple):
    """Whose settings, and the words after that."""

    client: Client
    job: Job | None
    rest: tuple[str, ...]


def _chosen(words: tuple[str, ...], app: bool) -> _Chosen:
    if app:
        return _Chosen(connect(), None, words)
    if not words:
        raise CommandError("invalid_use", "Name a job, or give --app.", exit_code=2)
    name = parse_job(words[0])
    client = connect()
    return _Chosen(client, find_job(client, name), words[1:])


def _read(chosen: _Chosen) -> dict[str, Any]:
    if chosen.job is None:
        return dict(chosen.client.app_settings())
    return chosen.client.settings(chosen.job.name, job_type=chosen.job.type).values


def _change(
    chosen: _Chosen, keys: list[str], changes: Mapping[str, Any], change_app: Callable[[Client], None]
) -> None:
    invocation().output.check_fields(SettingsChanged)
    if chosen.job is None:
        change_app(chosen.client)
        warnings: list[str] = []
    else:
        warnings = chosen.client.patch_settings(chosen.job.name, changes, job_type=chosen.job.type)
    _print_changed(chosen, keys, warnings)


def _print_changed(chosen: _Chosen, keys: list[str], warnings: list[str]) -> None:
    name, job_type = _named(chosen)
    whose = printable(name) if name else "all jobs"
    line = f"changed of {whose}: {', '.join(keys)}" if keys else "nothing was changed"
    changed = SettingsChanged(name, job_type, keys, warnings)
    invocation().output.one(changed, [line, *(f"warning: {in_one_line(warning)}" for warning in warnings)])


def _named(chosen: _Chosen) -> tuple[str | None, str | None]:
    return (chosen.job.name, chosen.job.type) if chosen.job else (None, None)


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
