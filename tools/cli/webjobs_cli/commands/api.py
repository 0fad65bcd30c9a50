"""`webjobs api`: any request, for what has no command."""

import sys
from pathlib import Path

import click

from webjobs_cli.connection import connect
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import server_options
from webjobs_cli.lazy_group import Command

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@click.command(cls=Command)
@click.argument("method")
@click.argument("path")
@click.option("-d", "--data", metavar="TEXT|@FILE|-", help="The body: a text, a file, or the standard input.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME:VALUE", help="May be repeated.")
@server_options
def api(method: str, path: str, data: str | None, headers: tuple[str, ...]) -> None:
    """Send any request to the HTTP API and print the body of the answer; docs/http_api.md lists all.

    A body that begins as JSON is sent as such, unless a header says otherwise.
    """
    if method.upper() not in _METHODS:
        raise CommandError(
            "invalid_use", f"{method!r} is no method.", f"Choose from: {', '.join(_METHODS)}.", exit_code=2
        )
    given = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise CommandError(
                "invalid_use", f"{header!r} is no header.", "Write it as NAME: VALUE.", exit_code=2
            )
        given[name.strip()] = value.strip()
    body = _body(data)
    is_json = body is not None and body.lstrip()[:1] in (b"{", b"[", b'"')
    if is_json and not any(name.lower() == "content-type" for name in given):
        given["Content-Type"] = "application/json"
    answer = connect().request(method, path if path.startswith("/") else f"/{path}", body=body, headers=given)
    sys.stdout.buffer.write(answer.body)
    if answer.body and not answer.body.endswith(b"\n") and sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    sys.stdout.flush()


def _body(data: str | None) -> bytes | None:
    if data is None:
        return None
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise CommandError("unreadable_file", f"{data[1:]!r} cannot be read: {error.strerror}.") from error
