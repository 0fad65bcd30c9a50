"""Every type of script runs: what it prints, the arguments it is given, the code it ends with."""

import textwrap
from pathlib import Path

import pytest
from support.client import Client, lines_of, unique
from support.programs import need_program

# Each prints its arguments one a line, the job's name, and something on its standard error; ends with 7.
SCRIPTS = {
    "run.sh": 'for word in "$@"; do echo "$word"; done; echo "$WEBJOBS_NAME"; echo oops >&2; exit 7',
    "run.py": """
        import os, sys
        print(*sys.argv[1:], os.environ["WEBJOBS_NAME"], sep="\\n")
        print("oops", file=sys.stderr)
        sys.exit(7)
        """,
    "run.js": """
        for (const word of process.argv.slice(2)) console.log(word);
        console.log(process.env.WEBJOBS_NAME);
        console.error("oops");
        process.exitCode = 7;
        """,
    "run.php": """<?php
        foreach (array_slice($argv, 1) as $word) echo "$word\\n";
        echo getenv("WEBJOBS_NAME"), "\\n";
        fwrite(STDERR, "oops\\n");
        exit(7);
        """,
    "run.ps1": """
        foreach ($word in $args) { Write-Output $word }
        Write-Output $env:WEBJOBS_NAME
        [Console]::Error.WriteLine("oops")
        exit 7
        """,
    "run.cmd": """
        @echo off
        echo %~1
        echo %~2
        echo %WEBJOBS_NAME%
        echo oops>&2
        exit /b 7
        """,
}
SCRIPTS["my job.bat"] = SCRIPTS["run.cmd"]
PROGRAMS = {
    ".sh": "bash",
    ".py": "python3",
    ".js": "node",
    ".php": "php",
    ".ps1": "pwsh",
    ".cmd": "wine",
    ".bat": "wine",
    ".exe": "wine",
}
WINE_PATIENCE = 120.0  # the first Windows script of a stack waits until Wine is prepared


@pytest.mark.parametrize("file", SCRIPTS)
async def test_a_script_of_each_type_runs(client: Client, file: str) -> None:
    need_program(PROGRAMS[Path(file).suffix])
    name = unique("types")
    script = textwrap.dedent(SCRIPTS[file]).lstrip()
    if PROGRAMS[Path(file).suffix] == "wine":
        script = script.replace("\n", "\r\n")
    job = await client.put_script("triggered", name, script, file)
    assert job["runCommand"] == file

    run = await client.run_to_end(name, "one 'two words'", timeout=WINE_PATIENCE)

    assert await client.output_of(run) == ["one", "two words", name]
    errors = lines_of((await client.get(run["error_url"])).text)
    assert [(line.level, line.text) for line in errors] == [("ERROR", "oops")]
    last = lines_of((await client.get(run["output_url"])).text)[-2:]
    assert [line.text for line in last] == ["Job failed due to exit code 7", "Status changed to Failed"]
    assert run["status"] == "Failed"


def hostname_exe() -> bytes:
    """A small Windows program: Wine brings some along."""
    places = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"), Path("/opt"))
    found = next((exe for place in places for exe in place.rglob("x86_64-windows/hostname.exe")), None)
    if found is None:
        pytest.skip("Wine came without hostname.exe: .exe scripts were not run")
    return found.read_bytes()


async def test_a_windows_program_runs(client: Client) -> None:
    need_program("wine")
    name = unique("types")
    await client.put_script("triggered", name, hostname_exe(), "hostname.exe")
    run = await client.run_to_end(name, timeout=WINE_PATIENCE)
    assert run["status"] == "Success"
    assert len(await client.output_of(run)) == 1
    assert run["error_url"] is None


async def test_windows_scripts_at_the_same_time_do_not_end_each_other(client: Client) -> None:
    need_program("wine")
    long, short = unique("long"), unique("short")
    await client.put_script(
        "triggered", long, "@echo off\r\nping -n 4 127.0.0.1 >nul\r\necho done\r\n", "run.cmd"
    )
    await client.put_script("triggered", short, "@echo off\r\necho quick\r\n", "run.cmd")
    first, second = await client.run(long), await client.run(short)
    assert (await client.ended(short, second, WINE_PATIENCE))["status"] == "Success"
    assert (await client.run_to_end(short, timeout=WINE_PATIENCE))["status"] == "Success"
    run = await client.ended(long, first, WINE_PATIENCE)
    assert (run["status"], await client.output_of(run)) == ("Success", ["done"])


async def test_windows_scripts_are_told_paths_that_windows_programs_understand(client: Client) -> None:
    need_program("wine")
    name = unique("paths")
    script = (
        "@echo off\r\ncd /d %WEBJOBS_DATA_PATH% && echo kept>note.txt && type %WEBJOBS_PATH%\\run.cmd\r\n"
    )
    await client.put_script("triggered", name, script, "run.cmd")
    run = await client.run_to_end(name, timeout=WINE_PATIENCE)
    assert (await client.output_of(run))[0] == "@echo off"
