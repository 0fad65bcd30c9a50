"""The arguments of `python -m <service>`: `--help` and `--version`, and an error for everything else.

Nothing of the service is imported here: `--version` must not need what takes long to import.
"""

import argparse
import sys
import textwrap
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from webjobs_service.release import VERSION

if TYPE_CHECKING:
    from webjobs_service.settings import ServiceSettings

_WIDTH = 100
_INDENT = " " * 4


class ServiceArguments(argparse.ArgumentParser):
    """Parses the arguments of a service; its help lists the environment variables.

    Args:
        module: The name after `python -m`.
        description: What the service does.
        settings: Where the class of its settings is, as `module:name`; imported for the help only.
    """

    def __init__(self, module: str, description: str, settings: str) -> None:
        super().__init__(
            prog=f"python -m {module}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self._settings = settings
        self.add_argument("--version", action=_PrintVersion, help="print the version and exit")

    def format_help(self) -> str:
        """The usage, the options, and the variables with their defaults."""
        return (
            super().format_help()
            + "\nenvironment variables:\n"
            + variables_help(resolve_name(self._settings))
        )


class _PrintVersion(argparse.Action):
    """Reads the package's metadata only when it is asked for."""

    def __init__(self, option_strings: list[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, option: str | None = None
    ) -> None:
        """Print it and exit."""
        sys.stdout.write(f"webjobs {VERSION}\n")
        parser.exit()


def variables_help(settings_type: "type[ServiceSettings]") -> str:
    """Every variable of these settings: its name, its default unless it is a secret, what it is for."""
    from webjobs_service.settings import variables

    lines: list[str] = []
    for name, field in sorted(variables(settings_type).items()):
        default = "required" if field.is_required() else _shown(field.default)
        lines.append(f"  {name}{f' ({default})' if default else ''}")
        lines += textwrap.wrap(
            field.description or "", _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
        )
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    """A default as it would be written in the environment; empty when there is none to show."""
    if default is None or default == "" or type(default).__name__ == "PydanticUndefinedType":
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
