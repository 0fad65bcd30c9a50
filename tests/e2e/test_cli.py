"""The command line on a real stack: as a program calls it, and on a terminal as a person does."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pexpect
import pytest
from support.command_line import SECONDS, CommandLine, exit_code_on_terminal, until
from support.programs import need_program
from support.stack import WEBJOBS, RunningStack

_ASK_BASH = {"_WEBJOBS_COMPLETE": "bash_complete"}
SCRIPT = """
case $1 in
exit) echo out; echo err >&2; exit $2 ;;
kill) kill -$2 $$ ;;
lines) seq 1 $2 ;;
wait) echo begun; while [ ! -e "$2" ]; do sleep 0.1; done; echo done ;;
*) printf '<%s>\\n' "$@" ;;
esac
"""


@pytest.fixture(scope="module")
def cli(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """With the triggered job `cli-tool`, which does what its arguments say, and the continuous `cli-loop`."""
    home = tmp_path_factory.mktemp("home")
    given = CommandLine(stack.url, home)
    (home / "cli-tool").mkdir()
    (home / "cli-tool" / "run.sh").write_text(SCRIPT)
    (home / "cli-loop").mkdir()
    (home / "cli-loop" / "run.sh").write_text("echo started; while :; do sleep 0.2; echo beat; done\n")
    assert given("deploy", "cli-tool").returncode == 0
    assert given("deploy", "cli-loop", "--type", "continuous").returncode == 0
    return given


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--", "exit", "0"], 0),
        (["--", "exit", "3"], 3),
        (["--", "exit", "200"], 123),
        (["--", "kill", "9"], 137),
        (["--no-such-option"], 125),
        (["--timeout", "soon"], 125),
        (["--url", "http://127.0.0.1:1"], 125),
    ],
)
def test_the_exit_code_of_run_is_that_of_the_script_or_says_what_failed(
    cli: CommandLine, arguments: list[str], code: int
) -> None:
    assert cli("run", "cli-tool", "--wait", *arguments).returncode == code


def test_arguments_reach_the_script_as_they_were_given(cli: CommandLine) -> None:
    given = ["a b", "", "--flag", "'\"$HOME*", "ä"]
    done = cli("run", "cli-tool", "--follow", "--", *given)
    assert done.stdout.splitlines() == [f"<{argument}>" for argument in given]


def test_a_followed_log_is_printed_to_its_very_end(cli: CommandLine) -> None:
    done = cli("run", "cli-tool", "--follow", "--", "lines", "30000")
    assert done.stdout.splitlines() == [str(number) for number in range(1, 30_001)]
    assert done.returncode == 0
    followed = cli("run", "cli-tool", "--follow", "--json", "--", "exit", "3")
    rows = [json.loads(line) for line in followed.stdout.splitlines()]
    assert followed.returncode == 3
    assert [row["line"]["text"] for row in rows[:-1] if row["line"]["stream"] == "stderr"] == ["err"]
    assert (rows[-1]["run"]["exit_code"], rows[-1]["line"]) == (3, None)


def test_the_streams_of_a_followed_script_stay_apart(cli: CommandLine) -> None:
    done = cli("run", "cli-tool", "-f", "--", "exit", "0")
    assert done.stdout == "out\n"
    assert "err\n" in done.stderr


def test_a_job_that_runs_already_fails_is_joined_or_queued(cli: CommandLine, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first = cli.json("run", "cli-tool", "--json", "--", "wait", str(go))
    assert cli.error("run", "cli-tool", "--json")["code"] == "already_running"
    joined = cli.json("run", "cli-tool", "--if-running", "join", "--json")
    assert (joined["run"], joined["joined"]) == (first["run"], True)
    queued = cli.start("run", "cli-tool", "--if-running", "queue", "--wait", "--json", "--", "exit", "5")
    late = cli("run", "cli-tool", "--if-running", "queue", "--wait", "--timeout", "0.5s")
    assert (late.returncode, "goes on" in late.stderr) == (124, True)
    assert cli.error("run", "cli-tool", "--json")["code"] == "already_running"
    assert cli("wait", first["run"], "--timeout", "0.2").returncode == 124
    go.touch()
    out, _ = queued.communicate(timeout=SECONDS)
    assert (queued.returncode, json.loads(out)["exit_code"]) == (5, 5)
    assert cli("wait", first["run"]).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_without_a_terminal_leaves_the_run_alone_and_says_how_to_attach_again(
    cli: CommandLine, tmp_path: Path, number: signal.Signals
) -> None:
    go = tmp_path / "go"
    process = cli.start("run", "cli-tool", "--follow", "--", "wait", str(go))
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 125
    run = err.partition("webjobs wait ")[2].partition("`")[0]
    assert cli.json("show", run, "--json=status") == {"status": "Running"}
    go.touch()
    assert cli("wait", run).returncode == 0


def test_ctrl_c_on_a_terminal_asks_and_goes_on_detaches_or_cancels(cli: CommandLine, tmp_path: Path) -> None:
    go = tmp_path / "go"
    child = cli.on_terminal("run", "cli-tool", "--follow", "--", "wait", str(go))
    child.expect("begun")
    child.sendintr()
    child.expect(r"\[c\]ancel it, \[d\]etach or \[g\]o on\? \[d\] ")
    child.sendline("g")
    child.expect_exact("Going on.")
    child.sendintr()
    child.expect(r"\[d\] ")
    child.sendline("")
    child.expect("Detached; the run (cli-tool/[0-9]+) goes on")
    run = child.match.group(1)
    assert exit_code_on_terminal(child) == 125
    child = cli.on_terminal("wait", run)
    child.expect_exact(f"Waiting for {run}.")
    child.sendintr()
    child.expect(r"\[d\] ")
    child.sendline("c")
    assert exit_code_on_terminal(child) == 130
    assert cli.json("show", run, "--json=reason") == {"reason": "cancelled"}


def test_a_cancelled_run_keeps_the_reason(cli: CommandLine, tmp_path: Path) -> None:
    run = cli.json("run", "cli-tool", "--json", "--", "wait", str(tmp_path / "never"))["run"]
    waiting = cli.start("wait", run)
    cancelled = cli.json("cancel", "cli-tool", "--reason", "wrong input", "--wait", "--json")
    assert (cancelled["run"], cancelled["reason"]) == (run, "cancelled")
    assert "wrong input" in cancelled["evidence"]
    assert waiting.wait(SECONDS) == 130
    waiting.communicate()
    assert cli.error("cancel", run, "--json")["code"] == "conflict"


def test_rerun_takes_the_arguments_of_the_run_or_others(cli: CommandLine) -> None:
    first = cli.json("run", "cli-tool", "--wait", "--json", "--", "exit", "7", code=7)
    assert cli("rerun", first["run"], "--wait").returncode == 7
    again = cli.json("rerun", first["run"], "--wait", "--json", "--", "exit", "4", code=4)
    assert again["rerun_of"] == first["id"]
    assert cli("rerun", first["run"], "--no-arguments", "--wait").returncode == 0


def test_logs_are_selected(cli: CommandLine) -> None:
    run = cli.json("run", "cli-tool", "--wait", "--json", "--", "exit", "3", code=3)["run"]
    assert cli("logs", "cli-tool/@last", "--errors").stdout.splitlines()[0].endswith(" E err")
    assert len(cli("logs", run, "-n", "2").stdout.splitlines()) == 2
    every = [json.loads(line) for line in cli("logs", run, "-n", "all", "--json").stdout.splitlines()]
    assert [row["number"] for row in every] == list(range(1, len(every) + 1))
    assert [row["text"] for row in every if row["stream"] == "stdout"] == ["out"]
    assert cli("logs", run, "--since", "1h").stdout.count("\n") == len(every)
    assert cli("logs", run, "--since", "2100-01-01").stdout == ""
    assert cli("logs", run, "-f", "-n", "0").stdout == ""


def test_a_log_is_followed_from_its_last_lines_on(cli: CommandLine, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = cli.json("run", "cli-tool", "--json", "--", "wait", str(go))["run"]
    until(lambda: "begun" in cli("logs", run).stdout)
    following = cli.start("logs", run, "-f", "-n", "1")
    assert following.stdout is not None
    assert following.stdout.readline().endswith("   begun\n")
    go.touch()
    out, _ = following.communicate(timeout=SECONDS)
    assert (following.returncode, out.count("begun"), out.count("done")) == (0, 0, 1)


def test_a_continuous_job_is_stopped_started_restarted_and_its_log_followed(cli: CommandLine) -> None:
    def status() -> str:
        return str(cli.json("jobs", "cli-loop", "--json=status")[0]["status"])

    until(lambda: status() == "Running")
    assert any(row["job"] == "cli-loop" and row["run"] is None for row in cli.json("ps", "--json"))
    assert cli("stop", "cli-loop").returncode == 0
    until(lambda: status() == "Stopped")
    assert cli.json("jobs", "--disabled", "cli-loop", "--json=name") == [{"name": "cli-loop"}]
    assert cli("start", "cli-lo").returncode == 0
    until(lambda: status() == "Running")
    assert cli("restart", "continuous/cli-loop").returncode == 0
    following = cli.start("logs", "cli-loop", "-f", "-n", "0", "--json")
    assert following.stdout is not None
    assert "text" in json.loads(following.stdout.readline())
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=SECONDS)
    assert following.returncode == 130
    assert cli.error("stop", "cli-tool", "--json")["code"] == "wrong_type"
    assert cli.error("run", "cli-loop", "--json")["exit_code"] == 125


def test_names_may_be_shortened_as_long_as_they_are_clear(cli: CommandLine) -> None:
    run = cli.json("run", "triggered/cli-to", "--wait", "--json", "--", "x")["run"]
    assert cli.json("show", "cli-tool", "--json=run") == {"run": run}
    assert cli.json("show", run[:-1], "--json=run") == {"run": run}
    assert "cli-loop, cli-tool" in cli.error("why", "cli-", "--json")["message"]
    assert cli.error("show", "cli-tool/2026x", "--json")["code"] == "invalid_name"
    assert cli.error("show", "cli-tool/1999", "--json")["code"] == "run_not_found"
    assert cli.error("why", "no-such-job", "--json")["code"] == "job_not_found"


def test_a_deployment_says_what_it_uploads_leaves_out_and_runs(cli: CommandLine) -> None:
    folder = cli.home / "cli-new"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").write_text("")
    (folder / "run.sh").write_text("cat .env notes.txt\n")
    (folder / ".env").write_text("of env\n")
    (folder / "notes.txt").write_text("of notes\n")
    (folder / ".webjobsignore").write_text("notes.*\n")
    planned = cli.json("deploy", "cli-new", "--dry-run", "--json")
    assert planned["left_out"].keys() == {".venv/", ".env", ".webjobsignore", "notes.txt"}
    assert cli.error("show", "cli-new", "--json")["code"] == "job_not_found"
    deployed = cli.json("deploy", "cli-new", "--include", ".env", "--json")
    assert (deployed["script"], deployed["files"]) == ("run.sh", 2)
    assert cli.json("deploy", "cli-new", "--dry-run", "--json=digest") == {"digest": planned["digest"]}
    assert cli("run", "cli-new", "--follow").stdout == "of env\n"
    (folder / "run.sh").write_text("echo changed\n")
    script = cli("deploy", "cli-new/run.sh", "--name", "cli-new")
    assert script.stdout.startswith("uploaded 1 file, 13 B\ntriggered job cli-new runs run.sh\n")
    assert cli("run", "cli-new", "--follow").stdout == "changed\n"
    assert cli.error("deploy", "cli-new/notes.txt", "--json")["code"] == "invalid_request"


def test_a_watched_folder_is_uploaded_again_when_it_changes(cli: CommandLine) -> None:
    folder = cli.home / "cli-watched"
    folder.mkdir()
    (folder / "run.sh").write_text("echo one\n")
    watching = cli.start("deploy", "cli-watched", "--watch", "--json=digest")
    assert watching.stdout is not None
    first = watching.stdout.readline()
    (folder / "run.sh").write_text("echo second\n")
    assert watching.stdout.readline() != first
    assert cli("run", "cli-watched", "--follow").stdout == "second\n"
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=SECONDS)
    assert watching.returncode == 130


def test_delete_asks_on_a_terminal_and_wants_yes_without_one(cli: CommandLine) -> None:
    (cli.home / "cli-gone").mkdir()
    (cli.home / "cli-gone" / "run.sh").write_text("echo\n")
    assert cli("deploy", "cli-gone").returncode == 0
    assert cli.error("delete", "cli-gone", "--json")["code"] == "not_confirmed"
    assert cli.error("delete", "cli-gon", "--yes", "--json")["code"] == "job_not_found"
    child = cli.on_terminal("delete", "cli-gone")
    child.expect_exact("[y/N]: ")
    child.sendline("n")
    assert exit_code_on_terminal(child) == 1
    child = cli.on_terminal("delete", "cli-gone")
    child.expect_exact("[y/N]: ")
    child.sendline("y")
    assert exit_code_on_terminal(child) == 0
    assert cli.error("why", "cli-gone", "--json")["code"] == "job_not_found"


def test_the_stack_that_runs_in_a_folder_is_found_there(cli: CommandLine, stack: RunningStack) -> None:
    for folder in (stack.data, stack.data / "site"):
        found = cli("context", "show", "--json=url", cwd=folder, WEBJOBS_URL="")
        assert json.loads(found.stdout) == {"url": stack.url}
    assert cli("context", "add", "here", stack.url).returncode == 0
    assert cli("context", "test", "here").returncode == 0
    assert json.loads(cli("jobs", "cli-tool", "--json=name", WEBJOBS_URL="").stdout) == [{"name": "cli-tool"}]
    assert cli.error("context", "test", "--url", "http://127.0.0.1:1", "--json")["code"] == "contact_lost"


def test_settings_are_read_changed_and_taken_away(cli: CommandLine) -> None:
    given = ["schedule=0 0 2 1 1 *", "timeout=30", "env.LEVEL=5", 'retry={"max_attempts": 2}']
    changed = cli.json("settings", "set", "cli-tool", *given, "--json")
    assert changed["changed"] == ["schedule", "timeout", "env.LEVEL", "retry"]
    assert cli.json("settings", "get", "cli-tool", "--json=values")["values"] == {
        "schedule": "0 0 2 1 1 *", "timeout": 30, "env": {"LEVEL": "5"}, "retry": {"max_attempts": 2},
    }  # fmt: skip
    assert cli("settings", "get", "cli-tool", "env.LEVEL").stdout == "5\n"
    assert cli.error("settings", "set", "cli-tool", "tiemout=1", "--json")["code"] == "invalid_request"
    assert [row["job"] for row in cli.json("schedule", "next", "cli-tool", "-n", "2", "--json")] == [
        "cli-tool"
    ] * 2
    assert cli("settings", "unset", "cli-tool", "schedule", "env.LEVEL", "retry").returncode == 0
    edited = cli("settings", "edit", "cli-tool", "--json=changed", VISUAL="sed -i s/30/40/")
    assert json.loads(edited.stdout) == {"changed": ["timeout"]}
    broken = cli("settings", "edit", "cli-tool", VISUAL="sed -i s/40/true/")
    assert (broken.returncode, "Nothing was changed" in broken.stderr) == (1, True)
    child = cli.on_terminal(
        "settings", "edit", "cli-tool", VISUAL="sed -i -e s/41/42/ -e s/40/x,41/ -e s/x,//"
    )
    child.expect_exact("changed of cli-tool: timeout")
    assert exit_code_on_terminal(child) == 0
    assert cli("settings", "unset", "cli-tool", "timeout").returncode == 0
    assert cli("settings", "set", "--app", "CLI_TEST=1").returncode == 0
    assert cli("settings", "get", "--app", "CLI_TEST").stdout == "1\n"
    assert cli("settings", "unset", "--app", "CLI_TEST").returncode == 0
    assert cli.error("settings", "get", "--app", "CLI_TEST", "--json")["code"] == "no_such_setting"


def test_settings_that_another_client_changed_meanwhile_are_not_overwritten(
    cli: CommandLine, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        f"#!/bin/sh\n{WEBJOBS} settings set cli-tool timeout=50\necho '{{\"timeout\": 60}}' > $1\n"
    )
    editor.chmod(0o755)
    done = cli("settings", "edit", "cli-tool", VISUAL=str(editor))
    assert (done.returncode, "Your settings are in" in done.stderr) == (1, True)
    assert cli("settings", "get", "cli-tool", "timeout").stdout == "50\n"
    assert cli("settings", "unset", "cli-tool", "timeout").returncode == 0


def test_events_are_printed_and_followed(cli: CommandLine) -> None:
    run = cli.json("run", "cli-tool", "--wait", "--json", "--", "x")
    only = ["--filter", "job=cli-tool", "--filter", "event=Success", "--json"]
    found = [json.loads(line) for line in cli("events", *only).stdout.splitlines()]
    assert found[-1]["subject"] == f"triggered/{run['run']}"
    following = cli.start("events", "-f", "--from", str(found[-1]["sequence"]), *only)
    again = cli.json("run", "cli-tool", "--wait", "--json", "--", "x")
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["subject"] == f"triggered/{again['run']}"
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=SECONDS)
    assert cli.error("events", "--filter", "jobs=x", "--json")["exit_code"] == 2


def test_hooks_are_added_listed_tested_and_removed(cli: CommandLine) -> None:
    added = cli(
        "hooks",
        "add",
        "http://127.0.0.1:1/cli",
        "--job",
        "cli-tool",
        "--secret-stdin",
        "--json",
        stdin="s3cret\n",
    )
    hook = json.loads(added.stdout)
    assert (hook["job"], hook["is_signed"]) == ("cli-tool", True)
    assert hook["id"] in cli("hooks", "list").stdout
    tested = cli("hooks", "test", hook["id"][:6], "--json=outcome")
    assert (tested.returncode, json.loads(tested.stdout)) == (1, {"outcome": "failed"})
    assert len(cli.json("hooks", "deliveries", hook["id"], "--json")) == 1
    assert cli("hooks", "remove", hook["id"]).returncode == 0
    assert cli.error("hooks", "remove", hook["id"], "--json")["code"] == "hook_not_found"


def test_any_request_can_be_sent(cli: CommandLine) -> None:
    assert json.loads(cli("api", "GET", "/api/jobs/triggered/cli-tool").stdout)["name"] == "cli-tool"
    body = '{"action": "run", "jobs": [{"type": "triggered", "name": "no-such-job"}]}'
    for given in (body, "-"):
        sent = cli("api", "POST", "api/jobs/actions", "-d", given, stdin=body)
        assert json.loads(sent.stdout)["failures"][0]["status"] == 404
    missing = cli("api", "GET", "/api/jobs/triggered/no-such-job")
    assert (missing.returncode, missing.stdout) == (1, "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("webjobs run cli-", "cli-tool"),
        ("webjobs stop cli-", "cli-loop"),
        ("webjobs show cli-tool/", "cli-tool/@last"),
        ("webjobs settings get cli-t", "cli-tool"),
        ("webjobs sche", "schedule"),
    ],
)
def test_a_shell_completes_commands_and_names(cli: CommandLine, words: str, found: str) -> None:
    asked = {
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "_WEBJOBS_COMPLETE": "bash_complete",
    }
    # The first answer may take longer than a shell waits, on a busy machine.
    until(lambda: f"plain,{found}" in cli(**asked).stdout.splitlines())
    away = cli(**asked, WEBJOBS_URL="http://127.0.0.1:1")
    assert (away.returncode, away.stderr) == (0, "")


def test_a_server_that_does_not_answer_keeps_no_shell_waiting(cli: CommandLine) -> None:
    asked = {"COMP_WORDS": "webjobs run cli-", "COMP_CWORD": "2", "_WEBJOBS_COMPLETE": "bash_complete"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = cli(**asked, WEBJOBS_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        took = time.monotonic() - began
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
    assert took < 4  # 0.3 s, on a machine that does nothing else


_IN_BASH = r"""
complete_line() { COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
    _webjobs_completion webjobs; printf '%s\n' "${COMPREPLY[@]}"; }
eval "$(webjobs completion bash)"; complete_line "$0"
"""
_IN_FISH = 'webjobs completion fish | source; complete -C "$argv"'


@pytest.mark.parametrize("line", ["webjobs run cli-t", "webjobs show cli-tool/@"])
@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_script_of_a_shell_completes_in_it(cli: CommandLine, shell: str, line: str) -> None:
    program = need_program(shell)
    options = ["-c", _IN_BASH] if shell == "bash" else ["--no-config", "-c", _IN_FISH]
    environment = cli.environment(PATH=f"{WEBJOBS.parent}:{os.environ['PATH']}")

    def completed() -> list[str]:
        done = subprocess.run(
            [program, *options, line], env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    wanted = "cli-tool" if "run" in line else "cli-tool/@last"
    until(lambda: completed() == [wanted])


def test_zsh_completes_at_its_prompt(cli: CommandLine) -> None:
    environment = cli.environment(PATH=f"{WEBJOBS.parent}:{os.environ['PATH']}", TERM="dumb", PS1="> ")
    shell = pexpect.spawn(
        need_program("zsh"), ["-f", "-i"], env=environment, encoding="utf-8", timeout=SECONDS
    )
    shell.sendline('autoload -Uz compinit; compinit -u -D; eval "$(webjobs completion zsh)"; echo $((40+2))')
    shell.expect("42")
    until(lambda: "cli-tool" in cli(COMP_WORDS="webjobs run c", COMP_CWORD="2", **_ASK_BASH).stdout)
    for typed, completed in (("webjobs run cli-t\t", "cli-tool "), ("webjobs sched\t", "schedule ")):
        shell.send(typed)
        shell.expect(completed)
        shell.sendcontrol("u")  # the line is gone, and the prompt stays
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run cli-tol", "There is no job 'cli-tol'. Did you mean 'cli-tool'?"),
        ("why cli-lop", "There is no job 'cli-lop'. Did you mean 'cli-loop'?"),
        ("run triggered/cli-loop", "There is a continuous job of this name."),
        ("run cli-tool/201311080256000000", "It names a run; its job is 'cli-tool'."),
        ("cancel cli-loop", "`webjobs logs cli-loop` shows what a continuous one does;"),
        ("logs cli-loop/1", "'cli-loop' is a continuous job, which has no runs."),
        ("runs -n many", "'many' is not a valid whole number. See `webjobs runs --help`."),
        ("settings unset cli-tool nokey", "There is no setting 'nokey'."),
        ("settings edit cli-tool", "There is no terminal for an editor."),
        ("hooks test nope", "`webjobs hooks list` lists them."),
        ("status extra", "unexpected extra argument (extra). See"),
        ("api FETCH /api/jobs", "'FETCH' is no method. Choose from: GET,"),
    ],
)
def test_what_is_used_wrongly_says_what_to_do_in_one_line(cli: CommandLine, command: str, said: str) -> None:
    done = cli(*command.split(), EDITOR="", VISUAL="")
    assert done.returncode != 0 and done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_a_login_that_is_missing_or_refused_is_said_with_the_server(cli: CommandLine) -> None:
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        missing = cli("jobs", WEBJOBS_URL=url)
        wrong = cli("jobs", WEBJOBS_URL=url, WEBJOBS_USERNAME="ann", WEBJOBS_PASSWORD="no")
        server.shutdown()
    assert missing.stderr.startswith(f"webjobs: {url} needs a login. Set WEBJOBS_USERNAME")
    assert wrong.stderr == (
        f"webjobs: {url} refuses the login of 'ann'. "
        "Check the name, and the password in WEBJOBS_PASSWORD or ~/.netrc.\n"
    )


def test_a_server_without_tls_is_said_to_be_one(cli: CommandLine) -> None:
    done = cli("jobs", WEBJOBS_URL=cli.url.replace("http:", "https:"))
    assert "what listens there does not speak TLS (https://)" in done.stderr
    assert done.stderr.endswith("`webjobs context show` says why it is this server.\n")


@pytest.mark.parametrize("command", ["jobs", "jobs --json", "--help", "schema jobs", "logs cli-tool"])
def test_an_output_that_takes_nothing_is_one_line(cli: CommandLine, command: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [WEBJOBS, *command.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            env=cli.environment(),
            text=True,
            timeout=SECONDS,
        )
    said = "The output cannot be written: No space left on device."
    assert (done.returncode, said in done.stderr, done.stderr.count("\n")) == (1, True, 1)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_the_caller_has_closed_is_as_one_to_nowhere(cli: CommandLine, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" run cli-tool --wait -- exit 3 {closed}', WEBJOBS],
        capture_output=True,
        env=cli.environment(),
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 3 and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["jobs", "lint .", "deploy .", "context show"])
def test_a_folder_that_is_gone_is_named(cli: CommandLine, tmp_path: Path, command: str) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", f'cd gone && rmdir ../gone && exec "$0" {command}', WEBJOBS],
        capture_output=True,
        env={name: value for name, value in cli.environment().items() if name != "WEBJOBS_URL"},
        text=True,
        timeout=SECONDS,
        cwd=tmp_path,
    )
    assert done.stderr == "webjobs: The folder that this runs in was removed. Go to another one.\n"
    assert done.returncode == 1


def test_text_that_the_locale_has_no_letters_for_is_refused(cli: CommandLine) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = cli("run", "j\u00f6b", **plain)
    assert done.returncode != 0 and "Set LC_ALL to a locale with UTF-8" in done.stderr


def test_secrets_may_come_with_line_ends_of_windows(cli: CommandLine) -> None:
    done = cli("context", "add", "crlf", cli.url, "--username", "ann", "--password-stdin", stdin="secret\r\n")
    assert done.returncode == 0, done
    assert '"stored:secret"' in (cli.home / "config" / "webjobs" / "contexts.json").read_text()
    assert cli("context", "remove", "crlf").returncode == 0


def test_status_shows_every_part(cli: CommandLine) -> None:
    shown = cli.json("status", "--json")
    assert shown["status"] == "ready"
    parts = shown["parts"]
    assert {part["name"] for part in parts} == {"api", "history", "nats", "runner"}
    assert all(part["up"] for part in parts)
    assert {part["version"] for part in parts if part["name"] != "nats"} == {shown["version"]}
    assert shown["warnings"] == []
    assert "disk free" in cli("status").stdout


def test_a_pager_shows_what_is_longer_than_the_terminal(cli: CommandLine) -> None:
    cli("run", "cli-tool", "--wait", "--", "lines", "90")
    child = cli.on_terminal("logs", "cli-tool", PAGER="sed s/^/paged:/", LINES="24")
    child.expect("paged:.* 90\r\n")
    assert exit_code_on_terminal(child) == 0


def test_the_twelve_tasks_of_a_newcomer_take_a_command_or_two_each(cli: CommandLine, tmp_path: Path) -> None:
    def on_terminal(expected: str, *arguments: str, code: int = 0) -> str:
        child = cli.on_terminal(*arguments)
        child.expect(expected)
        shown = str(child.after)
        assert exit_code_on_terminal(child) == code
        return shown

    (cli.home / "report").mkdir()
    (cli.home / "report" / "main.py").write_text(
        "import sys, time\nprint('begun', flush=True)\nif sys.argv[1:] == ['slow']: time.sleep(600)\n"
        "if sys.argv[1:] != ['good']: sys.exit('no such file')\n"
    )
    (cli.home / "feed").mkdir()
    (cli.home / "feed" / "run.sh").write_text("while :; do echo fed; sleep 1; done\n")
    # Deploy; upload a folder.
    on_terminal("report runs main.py", "deploy", "report/main.py", "--name", "report")
    on_terminal("uploaded 1 file", "deploy", "feed", "--type", "continuous")
    # Nightly in Europe/Berlin; change a setting.
    on_terminal(
        "changed of report", "settings", "set", "report", "schedule=0 30 2 * * *", "time_zone=Europe/Berlin"
    )
    on_terminal("changed of report: timeout", "settings", "set", "report", "timeout=1800")
    # The next times.
    on_terminal("02:30:00, Europe/Berlin", "schedule", "next", "report")
    # Why did it not run?
    on_terminal("next_due", "why", "report")
    # Find an error.
    on_terminal("begun", "run", "report", "--follow", code=1)
    on_terminal("no such file", "logs", "report", "--errors")
    # Watch live; what runs now; cancel.
    live = cli.on_terminal("run", "report", "--follow", "--", "slow")
    live.expect("begun")
    on_terminal("report/[0-9]+ +Running", "ps")
    on_terminal("being cancelled", "cancel", "report", "--reason", "too slow")
    assert exit_code_on_terminal(live) == 130
    # Again with other arguments.
    on_terminal("Success", "rerun", "report/@last", "--wait", "--", "good")
    # Stop and start.
    on_terminal("feed is stopped", "stop", "feed")
    on_terminal("feed is started", "start", "feed")
    for job in ("report", "feed"):
        on_terminal("deleted", "delete", job, "--yes")
