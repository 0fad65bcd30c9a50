import asyncio
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.eventually import eventually
from support.processes import ESCAPE, PYTHON, is_alive, start
from webjobs_runner.errors import ScriptNotStarted
from webjobs_runner.processes.process import Launcher, ProcessExit


@pytest_asyncio.fixture
async def launcher() -> AsyncIterator[Launcher]:
    async with Launcher("a11ce0") as launcher:
        yield launcher


@pytest.mark.parametrize("code", [0, 1, 255])
async def test_the_exit_code_is_told(launcher: Launcher, code: int) -> None:
    script = await start(launcher, "/bin/sh", "-c", f"exit {code}")
    assert await script.process.wait() == ProcessExit(exit_code=code)


async def test_the_signal_that_ended_a_script_is_told(launcher: Launcher) -> None:
    script = await start(launcher, "/bin/sh", "-c", "kill -SEGV $$")
    assert await script.process.wait() == ProcessExit(signal=11)


async def test_both_outputs_are_handed_on_whole_before_the_end_is_told(launcher: Launcher) -> None:
    script = await start(launcher, "/bin/sh", "-c", "seq 100000; echo oops >&2")
    await script.process.wait()
    assert script.stdout == b"".join(b"%d\n" % number for number in range(1, 100001))
    assert script.stderr == b"oops\n"


async def test_everyone_who_waits_is_answered_then_and_later(launcher: Launcher) -> None:
    script = await start(launcher, "/bin/cat", "/dev/null")
    impatient = asyncio.create_task(script.process.wait())
    await asyncio.sleep(0)
    impatient.cancel()
    assert set(await asyncio.gather(script.process.wait(), script.process.wait())) == {ProcessExit(0)}
    assert await script.process.wait() == ProcessExit(0)


async def test_environment_folder_and_arguments_are_exactly_those_given(
    launcher: Launcher, tmp_path: Path
) -> None:
    env = {"PATH": os.defpath, "EMPTY": "", "SAYS": "a=b\nünïcode \udcff"}
    script = await start(
        launcher, "sh", "-c", 'env -0; pwd; echo "$@"', "x", "a b", "ü", cwd=str(tmp_path), env=env
    )
    await script.process.wait()
    *variables, rest = bytes(script.stdout).split(b"\0")
    told = dict(variable.split(b"=", 1) for variable in variables)
    own = {b"PWD", b"OLDPWD", b"SHLVL", b"_"}  # the shell's
    assert {name: value for name, value in told.items() if name not in own} == {
        name.encode(): value.encode("utf-8", "surrogateescape") for name, value in env.items()
    }
    assert rest.decode() == f"{tmp_path}\na b ü\n"


async def test_a_very_large_environment_and_argument_arrive(launcher: Launcher) -> None:
    env = {f"V{number}": "x" * 1000 for number in range(400)}
    script = await start(launcher, "/bin/sh", "-c", "echo ${#V399} ${#1}", "x", "y" * 100_000, env=env)
    await script.process.wait()
    assert script.words == ["1000", "100000"]


async def test_a_script_inherits_no_descriptor_signal_or_limit_of_ours(launcher: Launcher) -> None:
    look = (
        "import os, resource\n"
        "names = os.listdir('/proc/self/fd')\n"
        "print(*[n for n in names if os.path.exists('/proc/self/fd/' + n)])\n"
        "print(os.readlink('/proc/self/fd/0'), os.getsid(0) == os.getpid())\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    descriptors = await start(launcher, *PYTHON, look)
    signals = await start(launcher, "/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
    await descriptors.process.wait()
    await signals.process.wait()
    soft, hard = launcher._open_files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert descriptors.stdout.decode() == f"0 1 2\n/dev/null True\n{soft} {hard}\n"
    # Signals 32 and 33 are glibc's own: its posix_spawn, which make uses, leaves them ignored.
    assert [int(mask, 16) & ~(0b11 << 31) for mask in signals.words[1::2]] == [0, 0]


@pytest.mark.parametrize(
    ("argv0", "cwd", "reason"),
    [
        ("/no/such/interpreter", "/", "No such file or directory: /no/such/interpreter"),
        ("no-such-interpreter", "/", "No such file or directory: no-such-interpreter"),
        ("/bin/sh", "/no/such/folder", "No such file or directory: /no/such/folder"),
        ("/etc/passwd", "/", "Permission denied: /etc/passwd"),
        ("/bin/\0sh", "/", "NUL"),
    ],
)
async def test_what_cannot_be_started_says_why(launcher: Launcher, argv0: str, cwd: str, reason: str) -> None:
    with pytest.raises(ScriptNotStarted, match=reason):
        await start(launcher, argv0, cwd=cwd)
    assert await (await start(launcher, "/bin/sh", "-c", "exit 4")).process.wait() == ProcessExit(4)


async def test_a_failed_start_leaks_no_descriptor(launcher: Launcher) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(ScriptNotStarted):
            await start(launcher, "/no/such/interpreter")
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(os.listdir(f"/proc/{launcher.pid}/fd")) < 12


async def test_terminate_reaches_the_script_and_its_group(launcher: Launcher) -> None:
    trap = 'trap "echo bye; exit 7" TERM; sleep 1000 & echo ready $!; wait'
    script = await start(launcher, "/bin/bash", "-c", trap)
    await eventually(lambda: b"\n" in script.stdout)
    script.process.send(signal.SIGTERM)
    ended = await script.process.wait()
    assert (ended.exit_code, ended.leftovers, script.words[-1]) == (7, (), "bye")
    assert not is_alive(int(script.words[1]))


async def test_kill_ends_a_script_and_its_escaped_child_at_once(launcher: Launcher) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    script = await start(launcher, *PYTHON, deaf + ESCAPE + "signal.pause()")
    await eventually(lambda: b"\n" in script.stdout)
    script.process.send(signal.SIGTERM)
    script.process.kill()
    escaped = int(script.words[0])
    ended = await script.process.wait()
    assert ended.signal == 9
    assert len(ended.leftovers) == 1
    assert ended.leftovers[0].endswith(f"({escaped})")
    assert not is_alive(escaped)
    script.process.kill()


async def test_a_cancelled_start_leaves_no_process(launcher: Launcher) -> None:
    starting = asyncio.create_task(start(launcher, "/bin/sleep", "1000"))
    await asyncio.sleep(0)
    starting.cancel()
    await eventually(lambda: starting.cancelled() and not launcher._runs)


async def test_a_line_of_ten_megabytes_arrives_whole(launcher: Launcher) -> None:
    script = await start(launcher, "/bin/sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x")
    await script.process.wait()
    assert script.stdout == b"x" * 10_000_000


async def test_binary_output_arrives_unchanged(launcher: Launcher, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "binary").write_bytes(content)
    script = await start(launcher, "/bin/cat", "binary", cwd=str(tmp_path))
    await script.process.wait()
    assert script.stdout == content


async def test_while_reading_is_paused_the_script_waits_and_nothing_is_lost(launcher: Launcher) -> None:
    script = await start(launcher, "/bin/sh", "-c", "head -c 3000000 /dev/zero")
    script.process.pause_reading()
    had = len(script.stdout)
    waiting = asyncio.create_task(script.process.wait())
    assert not (await asyncio.wait([waiting], timeout=0.2))[0]
    assert len(script.stdout) == had
    script.process.resume_reading()
    assert await waiting == ProcessExit(0)
    assert len(script.stdout) == 3_000_000


async def test_a_hundred_scripts_at_once_all_end(launcher: Launcher) -> None:
    async def run(number: int) -> tuple[bytes, ProcessExit]:
        script = await start(launcher, "/bin/echo", str(number))
        return bytes(script.stdout), await script.process.wait()

    ends = await asyncio.gather(*(run(number) for number in range(100)))
    assert {ended for _, ended in ends} == {ProcessExit(0)}


async def test_leaving_the_launcher_kills_what_still_runs() -> None:
    async with Launcher("a11ce1") as launcher:
        script = await start(launcher, *PYTHON, ESCAPE + "signal.pause()")
        await eventually(lambda: b"\n" in script.stdout)
        pids = [launcher.pid or 0, script.process.pid, int(script.words[0])]
    assert (await script.process.wait()).signal == 9
    assert not any(map(is_alive, pids))


async def test_nothing_is_started_once_the_launcher_was_left() -> None:
    async with Launcher("a11cef") as launcher:
        pass
    with pytest.raises(ScriptNotStarted, match="stopping"):
        await start(launcher, "/bin/cat")


async def test_nothing_wakes_the_launcher_while_its_scripts_are_idle(launcher: Launcher) -> None:
    def wakeups() -> str:
        status = Path(f"/proc/{launcher.pid}/status").read_text()
        return next(line for line in status.splitlines() if line.startswith("voluntary"))

    scripts = [await start(launcher, "/bin/sleep", "1000") for _ in range(20)]
    await eventually(lambda: Path(f"/proc/{launcher.pid}/stat").read_text().split()[2] == "S")
    before = wakeups()
    await asyncio.wait([asyncio.create_task(scripts[0].process.wait())], timeout=0.3)
    assert wakeups() == before


async def test_a_limit_ends_the_whole_run_unless_it_is_moved_in_time(launcher: Launcher) -> None:
    limited = await start(launcher, *PYTHON, f"{ESCAPE}\nimport time; time.sleep(1000)")
    moved, free = [await start(launcher, "/bin/sleep", "1000") for _ in range(2)]
    await eventually(lambda: limited.words)
    moved.process.limit(time.monotonic() + 0.1)
    moved.process.limit(time.monotonic() + 1000)
    set_at = time.monotonic()
    limited.process.limit(set_at + 0.2)
    assert (await limited.process.wait()).signal == 9
    assert 0.2 <= time.monotonic() - set_at < 30
    assert not is_alive(int(limited.words[0]))
    assert is_alive(moved.process.pid)
    assert is_alive(free.process.pid)
    limited.process.limit(0)
