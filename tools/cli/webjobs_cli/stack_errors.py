"""Failures of commands that run the stack: one line on the standard error, as its lines are."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from webjobs_rules.errors import WebJobsError

from webjobs_cli.json_lines import is_json, json_line


@contextmanager
def stack_errors() -> Iterator[None]:
    """End the command with exit code 1 when it raises an expected error."""
    try:
        yield
    except WebJobsError as error:
        line = json_line("webjobs", str(error), level="error") if is_json(os.environ) else f"webjobs: {error}"
        print(line, file=sys.stderr)
        raise click.exceptions.Exit(1) from None
