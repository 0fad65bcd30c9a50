"""Options with a whole number."""

import click


class Count(click.IntRange):
    """A whole number within limits; the help shows it as N."""

    name = "whole number"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """N, for the help."""
        return "N"
