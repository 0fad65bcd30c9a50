"""`webjobs hooks`: addresses that are called when something happens."""

import os
import sys

import click
import msgspec
from webjobs_client.models import JobType

from webjobs_cli.connection import connect
from webjobs_cli.count import Count
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Group
from webjobs_cli.names import chosen
from webjobs_cli.shapes.hooks import DeliveryShown, HookDone, HookShown
from webjobs_cli.table import Column
from webjobs_cli.target import password_of
from webjobs_cli.times import local_text

_HOOKS: list[Column[HookShown]] = [
    Column("ID", lambda hook: hook.id),
    Column("EVENT", lambda hook: hook.event),
    Column("OF", lambda hook: "/".join(filter(None, (hook.type, hook.job)))),
    Column("LAST", lambda hook: hook.last_status or ""),
    Column("URL", lambda hook: hook.url),
]
_DELIVERIES: list[Column[DeliveryShown]] = [
    Column("TIME", lambda delivery: local_text(delivery.time)),
    Column("OUTCOME", lambda delivery: delivery.outcome),
    Column("STATUS", lambda delivery: str(delivery.status or "")),
    Column("TRY", lambda delivery: str(delivery.attempt)),
    Column("DELIVERY", lambda delivery: delivery.delivery_id),
    Column("REASON", lambda delivery: delivery.reason),
]


@click.group(cls=Group)
def hooks() -> None:
    """Have addresses called when something happens; docs/hooks.md describes the calls."""


@hooks.command("list")
@server_options
@json_option
def list_hooks() -> None:
    """List the hooks."""
    output = invocation().output
    output.check_fields(HookShown)
    found = [_hook(each) for each in connect().hooks()]
    output.rows(HookShown, found, _HOOKS, "There is no hook. `webjobs hooks add URL` adds one.")


@hooks.command()
@click.argument("address", metavar="URL")
@click.option(
    "--event", default="TriggeredJobFinished", show_default=True, help="Names of events, with commas; or *."
)
@click.option(
    "--type", "job_type", type=click.Choice(["triggered", "continuous"]), help="Only of jobs of this type."
)
@click.option("--job", help="Only of this job.")
@click.option("--secret-from", metavar="SOURCE", help="Sign calls: env:NAME, or command:WORDS.")
@click.option("--secret-stdin", is_flag=True, help="Sign calls: read the secret from the standard input.")
@click.option("--insecure-ssl", is_flag=True, help="Call it whatever its certificate.")
@server_options
@json_option
def add(
    address: str,
    event: str,
    job_type: JobType | None,
    job: str | None,
    secret_from: str | None,
    secret_stdin: bool,
    insecure_ssl: bool,
) -> None:
    """Have URL called."""
    output = invocation().output
    output.check_fields(HookShown)
    secret = sys.stdin.readline().rstrip("\r\n") if secret_stdin else None
    if secret_from is not None:
        if not secret_from.startswith(("env:", "command:")):
            raise CommandError("invalid_use", "--secret-from takes env:NAME or command:WORDS.", exit_code=2)
        secret = password_of(secret_from, os.environ, "the hook")
    hook = _hook(
        connect().add_hook(
            address, event, job_type=job_type, job=job, secret=secret, insecure_ssl=insecure_ssl
        )
    )
    output.one(hook, [f"{hook.id} calls {hook.url} for {hook.event}"])


@hooks.command()
@click.argument("hook")
@server_options
@json_option
def test(hook: str) -> None:
    """Call a hook once, with a test."""
    output = invocation().output
    output.check_fields(DeliveryShown)
    client = connect()
    delivery = _delivery(client.test_hook(_id(hook)))
    output.one(delivery, [f"{delivery.outcome}: {delivery.status or ''} {delivery.reason}"])
    if delivery.outcome != "delivered":
        click.get_current_context().exit(1)


@hooks.command()
@click.argument("hook")
@click.option("-n", "limit", type=Count(1, 1000), default=20, show_default=True, help="At most so many.")
@server_options
@json_option
def deliveries(hook: str, limit: int) -> None:
    """List the calls of a hook, newest first."""
    output = invocation().output
    output.check_fields(DeliveryShown)
    calls = [_delivery(each) for each in connect().hook_deliveries(_id(hook), limit=limit)]
    output.rows(DeliveryShown, calls, _DELIVERIES, "It was never called.")


@hooks.command()
@click.argument("hook")
@click.argument("delivery")
@server_options
@json_option
def redeliver(hook: str, delivery: str) -> None:
    """Make a call once more."""
    output = invocation().output
    output.check_fields(DeliveryShown)
    made = _delivery(connect().redeliver(_id(hook), delivery))
    output.one(made, [f"{made.outcome}: {made.status or ''} {made.reason}"])


@hooks.command()
@click.argument("hook")
@server_options
@json_option
def remove(hook: str) -> None:
    """Call a hook no more."""
    output = invocation().output
    output.check_fields(HookDone)
    found = _id(hook)
    connect().delete_hook(found)
    output.one(HookDone(found, "removed"), [f"{found} is removed."])


def _id(given: str) -> str:
    """The id of the hook that is named by it, or by its beginning."""
    return chosen(given, [hook.id for hook in connect().hooks()], "hook")


def _hook(hook: object) -> HookShown:
    return msgspec.convert(hook, HookShown, from_attributes=True)


def _delivery(delivery: object) -> DeliveryShown:
    return msgspec.convert(delivery, DeliveryShown, from_attributes=True)
