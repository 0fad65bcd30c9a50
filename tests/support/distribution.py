"""Which test files run in one worker: those that share a stack, for one in each worker would be a waste."""

import functools
import re
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadFileScheduling

_IS_SHARED = re.compile(r"^(?:async )?def test_\w+\([^)]*\b(?:stack|client):", re.MULTILINE)
_IS_OWN = re.compile(r"^(?:async )?def (?:stack|client)\(", re.MULTILINE)


class LoadStackScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """As `--dist loadfile`, and the files of one stack are like one file."""

    def __init__(self, root: Path, config: Any, log: Any) -> None:
        """Paths of tests are below `root`."""
        super().__init__(config, log)
        self._root = root

    def _split_scope(self, nodeid: str) -> str:
        path = str(super()._split_scope(nodeid))
        return stack_of(self._root / path) or path


@functools.cache
def stack_of(file: Path) -> str | None:
    """The fixture with the stack that the tests of a file share with other files; None if there is none."""
    if file.parent.name != "e2e":
        return None
    text = file.read_text()
    if "rough_stack" in text:
        return "rough_stack"
    return "stack" if _IS_SHARED.search(text) and not _IS_OWN.search(text) else None
