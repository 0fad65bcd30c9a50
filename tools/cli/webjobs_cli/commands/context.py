"""`webjobs context`: named servers."""

import os
import sys
from pathlib import Path

import click

from webjobs_cli.contexts import Context, Contexts, contexts_path, read_contexts, write_contexts
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Group
from webjobs_cli.shapes.context import ContextRow, TargetShown
from webjobs_cli.table import Column, printable
from webjobs_cli.target import checked_url, find_target


@click.group(cls=Group)
def context() -> None:
    """Name the servers that you work with, and choose one.

    Contexts are kept in webjobs/contexts.json below XDG_CONFIG_HOME (~/.config), which you alone may read.
    """


@context.command()
@click.argument("name")
@click.argument("url")
@click.option("--username", default="", metavar="NAME", help="Who signs in.")
@click.option(
    "--password-from",
    default="",
    metavar="SOURCE",
    help="env:NAME, a variable; or command:WORDS, a command that prints it. Default: ~/.netrc.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from the standard input and keep it.")
def add(name: str, url: str, username: str, password_from: str, password_stdin: bool) -> None:
    """Add a server, or replace the one of this name; the first one is used from then on."""
    address = checked_url(url, "URL")
    password = _password_source(password_from, password_stdin)
    if password and not username:
        raise CommandError("invalid_use", "A password needs a --username.", exit_code=2)
    path, contexts = _contexts()
    contexts.contexts = {**contexts.contexts, name: Context(address, username, password)}
    contexts.current = contexts.current or name
    write_contexts(path, contexts)
    used = "used from now on" if contexts.current == name else f"`webjobs context use {name}` chooses it"
    invocation().output.note(f"Context {printable(name)} is {address}; {used}.")


@context.command("list")
@json_option
def list_contexts() -> None:
    """List the contexts."""
    _, contexts = _contexts()
    rows = [
        ContextRow(name, each.url, each.username, _shown(each), name == contexts.current)
        for name, each in sorted(contexts.contexts.items())
    ]
    columns: list[Column[ContextRow]] = [
        Column("", lambda row: "*" if row.current else ""),
        Column("NAME", lambda row: row.name),
        Column("URL", lambda row: row.url),
        Column("USER", lambda row: row.username),
        Column("PASSWORD", lambda row: row.password),
    ]
    none = "There is no context. Add one by `webjobs context add NAME URL`."
    invocation().output.rows(ContextRow, rows, columns, none)


@context.command()
@click.argument("name", required=False)
@click.option("--none", is_flag=True, help="Use none.")
def use(name: str | None, none: bool) -> None:
    """Use a context in all commands that name no server."""
    if none == (name is not None):
        raise CommandError("invalid_use", "Name a context, or give --none.", exit_code=2)
    path, contexts = _contexts()
    if name is not None:
        contexts.named(name)
    contexts.current = name or ""
    write_contexts(path, contexts)


@context.command()
@server_options
@json_option
def show() -> None:
    """Show which server commands speak to here, and why."""
    given = invocation()
    target = find_target(given.url, given.context, os.environ, Path.cwd())
    shown = TargetShown(target.url, target.username, target.source)
    login = f", signing in as {printable(target.username)}" if target.username else ""
    given.output.one(shown, [f"{target.url} (by {target.source}{login})"])


@context.command()
@click.argument("name", required=False)
@server_options
@json_option
def test(name: str | None) -> None:
    """Check that a server can be reached and takes the login: that of a context, or the one in use here."""
    from webjobs_cli.connection import connect

    given = invocation()
    given.context = name or given.context
    client = connect()
    client.overview(limit=1)
    target = find_target(given.url, given.context, os.environ, Path.cwd())
    shown = TargetShown(target.url, target.username, target.source)
    given.output.one(shown, [f"{target.url} can be used."])


@context.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a context."""
    path, contexts = _contexts()
    contexts.named(name)
    contexts.contexts = {key: each for key, each in contexts.contexts.items() if key != name}
    contexts.current = "" if contexts.current == name else contexts.current
    write_contexts(path, contexts)


def _contexts() -> tuple[Path, Contexts]:
    path = contexts_path(os.environ)
    return path, read_contexts(path)


def _shown(context: Context) -> str:
    if context.password.startswith("stored:"):
        return "stored"
    return context.password or "netrc"


def _password_source(given: str, is_on_stdin: bool) -> str:
    if given and is_on_stdin:
        raise CommandError("invalid_use", "Give --password-from or --password-stdin, not both.", exit_code=2)
    if is_on_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise CommandError("no_password", "The standard input has no password.", exit_code=2)
        return f"stored:{password}"
    if given and not given.startswith(("env:", "command:")):
        raise CommandError(
            "invalid_use",
            "--password-from takes env:NAME or command:WORDS, never the password itself.",
            exit_code=2,
        )
    return given
