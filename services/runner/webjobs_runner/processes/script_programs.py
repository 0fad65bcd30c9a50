"""The programs of this runner that scripts are run by."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from webjobs_rules.environment import inherited_environment
from webjobs_rules.errors import MissingInterpreter
from webjobs_rules.script import ScriptHost, host_of


class ScriptPrograms:
    """Finds the programs of script hosts, and remembers where they are.

    Args:
        hosts: The table of script hosts, in order.
        environment: Of the runner, as it was started.
    """

    def __init__(self, hosts: Sequence[ScriptHost], environment: Mapping[str, str]) -> None:
        self.hosts = hosts
        own_programs = os.path.dirname(sys.executable) if sys.prefix != sys.base_prefix else None
        self.inherited = inherited_environment(environment, own_programs)
        """What scripts inherit of the runner's environment."""
        self._found: dict[str, str | None] = {}  # looking through PATH takes longer than the rest of a start

    def find(self, program: str) -> str | None:
        """Returns where a program is on this runner; None when it is not installed."""
        known = self._found.get(program)
        if known is None or not os.access(known, os.X_OK):
            known = self._found[program] = shutil.which(program, path=self.inherited["PATH"])
        return known

    def find_beside(self, folder: str, program: str) -> str | None:
        """The same, but in a folder first, whatever path the script host or script names for it."""
        own = f"{folder}/{program.rpartition('/')[2]}"
        return own if os.access(own, os.X_OK) else self.find(program)

    def is_available(self, program: str) -> bool:
        """Whether a program is installed on this runner."""
        return self.find(program) is not None

    def host_of(self, script: str) -> tuple[ScriptHost, str]:
        """Returns the script host of a script, and where its program is; "" for one that names its own.

        Raises:
            NoRunnableScript: No script host runs such a file.
            MissingInterpreter: Its program is not installed.
        """
        host = host_of(script, self.hosts)
        program = next(filter(None, map(self.find, host.interpreters)), "")
        if not program and not host.reads_shebang:
            raise MissingInterpreter(script, host.interpreters[0], host.product)
        return host, program
