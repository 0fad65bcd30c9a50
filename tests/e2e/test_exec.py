"""`webjobs exec` gives a script what a runner gives it, and its log has the same lines."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from support.client import Client, Line, lines_of, unique

SCRIPT = """
import json, os, sys
shown = ("WEBJOBS_NAME", "WEBJOBS_TYPE", "WEBJOBS_COMMAND_ARGUMENTS", "OWN")
values = {name: os.environ[name] for name in shown}
is_leader = os.getpid() == os.getsid(0)
rest = [values, sorted(os.listdir()), oct(os.umask(0)), is_leader]
print(json.dumps([sys.argv[1:], sorted(os.environ), *rest]))
print("oops", file=sys.stderr)
sys.exit(3)
"""
FILES = {"run.py": SCRIPT, "lib/data.txt": "data", "settings.job": '{"env": {"OWN": "1"}}'}


def facts(lines: list[Line]) -> Any:
    return json.loads(next(line.text for line in lines if line.level == "INFO"))


async def test_a_run_here_is_like_one_of_a_runner(client: Client, tmp_path: Path) -> None:
    name = unique("exec")
    folder = tmp_path / name
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    await client.put_zip("triggered", name, FILES)
    run = await client.run_to_end(name, "'a b' c")
    there = lines_of((await client.get(run["output_url"])).text)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from webjobs_cli.main import main; main()",
        "exec", str(folder), "--quiet", "--", "a b", "c",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ},
    )  # fmt: skip
    log, _ = await process.communicate()
    here = lines_of(log.decode())
    assert process.returncode == 3
    own = ("INFO", "ERROR")  # whose order among each other is not known
    assert [(each.level, each.text) for each in here if each.level not in own] == [
        (each.level, each.text) for each in there if each.level not in own
    ]
    assert [each.text for each in here if each.level == "ERROR"] == ["oops"]
    (arguments, names, *rest), (arguments_there, names_there, *rest_there) = facts(here), facts(there)
    assert (arguments, rest) == (arguments_there, rest_there)
    webjobs = ("WEB", "TRACE", "HOME", "TEMP", "OWN", "PATH")
    assert {each for each in names if each.startswith(webjobs)} == {
        each for each in names_there if each.startswith(webjobs)
    }
