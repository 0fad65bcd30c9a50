"""`webjobs doctor` finds nothing wrong with a stack that works."""

import asyncio
import json
import sys
from pathlib import Path

from support.client import Client


async def test_a_stack_that_works_passes_every_check(client: Client, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from webjobs_cli.main import main; main()",
        "doctor", "--url", client.base, "--data", str(tmp_path / "data"), "--port", "65123", "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    checks = {each["id"]: each for each in json.loads(printed)}
    assert [each for each in checks.values() if each["level"] == "failed"] == []
    assert {name for name in checks if name.startswith(("server", "clock", "login"))} == {
        "server",
        "server_version",
        "server_parts",
        "clock",
        "login",
    }
    assert process.returncode == 0
