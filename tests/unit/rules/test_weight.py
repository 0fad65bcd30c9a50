"""The rules come with the command line: what they load is little, and none of it speaks to anybody."""

import re
import subprocess
import sys
from pathlib import Path

import webjobs_rules

FOLDER = Path(webjobs_rules.__file__).parent
FOREIGN = ("webjobs_events", "webjobs_service", "asyncio", "socket", "subprocess", "ssl", "nats", "aiohttp")


def test_all_rules_together_load_no_module_that_does_input_or_output() -> None:
    names = sorted(f"webjobs_rules.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__")
    assert len(names) > 30
    command = f"import sys, {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & {*FOREIGN, "pydantic", "sqlalchemy", "structlog"} == set()


def test_no_rule_opens_a_file_or_reads_a_clock() -> None:
    builtin_open = r"(?<!def )(?<![.\w])open\("  # not that of an archive which a rule is given
    words = (builtin_open, r"\.now\(", r"\.today\(", r"utcnow\(")
    found = [
        (path.name, word)
        for path in FOLDER.glob("*.py")
        for word in words
        if re.search(word, path.read_text())
    ]
    assert found == []
