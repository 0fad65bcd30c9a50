"""Every command: where it is and its line of help. No command is imported to list them."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A command that is imported when it runs."""

    target: str
    """`module:attribute` of the click command, below `webjobs_cli.commands`."""
    help: str
    """The same words as the first sentence of the command's docstring."""


SECTIONS: dict[str, dict[str, Entry]] = {
    "The stack": {
        "up": Entry("up:up", "Run the whole stack here, NATS and Postgres included, until Ctrl-C."),
        "repair": Entry("repair:repair", "Repair what damage has left."),
    },
    "Jobs without a server": {
        "exec": Entry("exec:exec_job", "Run a job's folder or script here as a runner would."),
        "lint": Entry("lint:lint", "Check a job's folder or script as a server does, without one."),
    },
    "This command line": {
        "context": Entry("context:context", "Name the servers that you work with, and choose one."),
        "schema": Entry("schema:schema", "Print the JSON Schema of what a command prints with --json."),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
