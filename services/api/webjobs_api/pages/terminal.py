"""The lines of a terminal that do what a page shows and does: curl, and the command line; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import join
from urllib.parse import urlencode

import msgspec
from webjobs_rules.job import JobType

from webjobs_api.http.urls import Urls, quoted

_JSON = ("-H", "Content-Type: application/json")
_EXAMPLE_HOOK = "https://example.com/hook"
_DUE_TIMES = 3
_STATES = {
    "failed": "--failed",
    "running": "--running",
    "disabled": "--disabled",
    "scheduled": "--scheduled",
    "never_ran": "--never-ran",
}
_STATUSES = frozenset({"initializing", "running", "success", "failed", "aborted", "active"})
_RUN_OPTIONS = {"status": "--status", "trigger": "--trigger"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalLine:
    """One thing to do, and the commands that do it.

    Attributes:
        words: What they do.
        commands: Each does it alone.
        changes: Whether a viewer may not do it.
    """

    words: str
    commands: tuple[str, ...]
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Shell:
    """Writes commands for one api and one user; each word is quoted for a POSIX shell.

    Attributes:
        base: Address of the api as the browser reaches it.
        username: Who is signed in; curl asks for the password.
    """

    base: str
    username: str = ""

    def curl(self, path: str, *options: str) -> str:
        """A request; `path` begins with `/`, and is encoded."""
        login = ["-u", self.username] if self.username else []
        return join(["curl", *login, *options, self.base + path])

    def cli(self, command: str, *names: str, options: Sequence[str] = ()) -> str:
        """A command of the command line, such as `hooks test`; `names` may begin with `-`."""
        guard = ["--"] if any(name.startswith("-") for name in names) else []
        return join(["webjobs", *command.split(), "--url", self.base, *options, *guard, *names])

    def read(self, words: str, path: str, cli: str = "", *, is_secret: bool = False) -> TerminalLine:
        """Read an address; without a command of its own, the command line sends the same request."""
        commands = self.curl(path), cli or self.cli("api", "GET", path)
        return TerminalLine(words=words, commands=commands, changes=is_secret)

    def change(
        self, words: str, method: str, path: str, cli: str = "", data: Mapping[str, object] | None = None
    ) -> TerminalLine:
        """Change something."""
        body = [] if data is None else [*_JSON, "-d", msgspec.json.encode(data).decode()]
        commands = self.curl(path, "-X", method, *body), cli or self.cli("api", method, path)
        return TerminalLine(words=words, commands=commands, changes=True)


def of_overview(shell: Shell, given: Mapping[str, str]) -> list[TerminalLine]:
    """Lines for the list of jobs; `given`: the parameters of the page."""
    query = {name: value for name, value in given.items() if value}
    options = [_STATES[query["filter"]]] if "filter" in query else []
    options += ["--type", query["type"].lower()] if "type" in query else []
    cli = shell.cli("jobs", *([query["text"]] if "text" in query else []), options=options)
    return [shell.read("List these jobs", f"/api/overview{_query(query)}", cli)]


def of_runs(shell: Shell, given: Mapping[str, Sequence[str]]) -> list[TerminalLine]:
    """Lines for the list of runs; `given`: the parameters of the page."""
    names = [name for name in given if name not in ("job", *_RUN_OPTIONS)]
    is_plain = not names and all(len(values) == 1 for values in given.values())
    cli = ""
    if is_plain and given.get("status", ["active"])[0].lower() in _STATUSES:
        options = [
            word
            for name, option in _RUN_OPTIONS.items()
            for value in given.get(name, ())
            for word in (option, value.lower())
        ]
        cli = shell.cli("runs", *given.get("job", ()), options=options)
    return [shell.read("List these runs", f"/api/runs{_query(given)}", cli)]


def of_triggered_job(shell: Shell, name: str, restorable: str = "") -> list[TerminalLine]:
    """Lines for a triggered job.

    Args:
        shell: Writes them.
        name: Of the job.
        restorable: Digest of the version that the page offers to restore; empty without one.
    """
    job = _job(JobType.TRIGGERED, name)
    due = shell.cli("schedule next", name, options=["-n", str(_DUE_TIMES)])
    return [
        shell.read("Read the job", job),
        shell.change("Run it", "POST", f"{job}/run", shell.cli("run", name)),
        shell.read("List its runs", f"/api/runs{_query({'job': name})}", shell.cli("runs", name)),
        shell.read("List its next due times", f"{job}/schedule?next={_DUE_TIMES}", due),
        *_of_any_job(shell, job, name, restorable),
    ]


def of_continuous_job(shell: Shell, name: str, restorable: str = "") -> list[TerminalLine]:
    """Lines for a continuous job; the arguments as of `of_triggered_job`."""
    job = _job(JobType.CONTINUOUS, name)
    log = TerminalLine(
        words="Follow its log",
        commands=(
            shell.curl(f"/api/logstream/continuous/{quoted(name)}", "-N"),
            shell.cli("logs", name, options=["-f"]),
        ),
    )
    return [
        shell.read("Read the job", job),
        log,
        shell.change("Stop it", "POST", f"{job}/stop", shell.cli("stop", name)),
        shell.change("Start it", "POST", f"{job}/start", shell.cli("start", name)),
        shell.change("Restart it", "POST", f"{job}/restart", shell.cli("restart", name)),
        *_of_any_job(shell, job, name, restorable),
    ]


def _of_any_job(shell: Shell, job: str, name: str, restorable: str) -> list[TerminalLine]:
    settings, disabled = f"{job}/settings", {"enabled": False}
    is_triggered = job.startswith(_job(JobType.TRIGGERED, ""))
    disable = shell.cli("settings set", name, "enabled=false")
    restore = f"{job}/versions/{quoted(restorable)}/restore"
    return [
        shell.read("Say why it does not run", f"{job}/why", shell.cli("why", name)),
        shell.read("Read its settings", settings, shell.cli("settings get", name), is_secret=True),
        *([shell.change("Disable it", "PATCH", settings, disable, disabled)] if is_triggered else []),
        shell.read("List its versions", f"{job}/versions"),
        *([shell.change("Restore this version", "POST", restore)] if restorable else []),
        shell.change("Delete it", "DELETE", job, shell.cli("delete", name)),
    ]


def of_run(shell: Shell, job_name: str, run_id: str, *, is_over: bool) -> list[TerminalLine]:
    """Lines for a run."""
    run, key = f"{_job(JobType.TRIGGERED, job_name)}/history/{run_id}", f"{job_name}/{run_id}"
    log = Urls("").output(job_name, run_id)
    cancel = shell.change("Cancel it", "POST", f"{run}/cancel", shell.cli("cancel", key))
    return [
        shell.read("Read the run", f"/api/runs/{quoted(job_name)}/{run_id}", shell.cli("show", key)),
        shell.read("Print its log", log, shell.cli("logs", key, options=["-n", "all"])),
        *([] if is_over else [cancel]),
        shell.change("Run it again", "POST", f"{run}/rerun", shell.cli("rerun", key)),
    ]


def of_deployments(shell: Shell, given: Mapping[str, str]) -> list[TerminalLine]:
    """Lines for the list of deployments; `given`: the parameters of the page."""
    return [shell.read("List these deployments", f"/api/deployments{_query(given)}")]


def of_deployment(shell: Shell, deployment_id: str) -> list[TerminalLine]:
    """Lines for a deployment."""
    path = f"/api/deployments/{quoted(deployment_id)}"
    return [
        shell.read("Read the deployment", path),
        shell.read("Follow its log to its end", f"{path}/log?follow=true"),
    ]


def of_schedule(shell: Shell) -> list[TerminalLine]:
    """Lines for the page of all schedules."""
    path = f"/api/overview{_query({'filter': 'scheduled'})}"
    return [
        shell.read(
            "List the jobs with a schedule, and when each is due next", path, shell.cli("schedule next")
        )
    ]


def of_events(shell: Shell, chosen: Mapping[str, str], subject: str) -> list[TerminalLine]:
    """Lines for the list of events.

    Args:
        shell: Writes them.
        chosen: The parameters of the page.
        subject: On NATS, of these events.
    """
    filters = [word for name, value in chosen.items() for word in ("--filter", f"{name}={value}")]
    commands = (
        shell.curl(f"/api/events{_query(chosen)}", "-N"),
        shell.cli("events", options=["-f", *filters]),
        join(["nats", "subscribe", subject]),
    )
    return [TerminalLine(words="Follow these events", commands=commands)]


def of_hooks(shell: Shell) -> list[TerminalLine]:
    """Lines for the list of hooks."""
    body = {"url": _EXAMPLE_HOOK, "event": "TriggeredJobFinished"}
    return [
        shell.read("List the hooks", "/api/hooks", shell.cli("hooks list")),
        shell.change("Add one", "POST", "/api/hooks", shell.cli("hooks add", _EXAMPLE_HOOK), body),
    ]


def of_hook(shell: Shell, hook_id: str) -> list[TerminalLine]:
    """Lines for a hook."""
    hook = f"/api/hooks/{quoted(hook_id)}"
    return [
        shell.read("List its calls", f"{hook}/deliveries", shell.cli("hooks deliveries", hook_id)),
        shell.change("Call it with a test", "POST", f"{hook}/test", shell.cli("hooks test", hook_id)),
        shell.change("Remove it", "DELETE", hook, shell.cli("hooks remove", hook_id)),
    ]


def of_settings(shell: Shell) -> list[TerminalLine]:
    """Lines for app settings."""
    app, key = ["--app"], "MODE"
    change = shell.cli("settings set", f"{key}=test", options=app)
    remove = shell.cli("settings unset", key, options=app)
    return [
        shell.read(
            "Read them, with values", "/api/settings", shell.cli("settings get", options=app), is_secret=True
        ),
        shell.change("Set one", "POST", "/api/settings", change, {key: "test"}),
        shell.change("Take one away", "DELETE", f"/api/settings/{key}", remove),
    ]


def of_system(shell: Shell) -> list[TerminalLine]:
    """Lines for the parts of webjobs."""
    return [
        shell.read("Show the parts", "/api/system", shell.cli("status")),
        shell.read("List what was refused", "/api/refusals"),
    ]


def of_new_job(shell: Shell, job_type: JobType, name: str) -> list[TerminalLine]:
    """Lines that deploy a script; `name` may be empty."""
    name = name or "hello"
    path, options = _job(job_type, name), ["--name", name, "--type", job_type.value]
    upload = shell.curl(path, "-T", "run.sh", "-H", "Content-Disposition: attachment; filename=run.sh")
    commands = upload, shell.cli("deploy", "run.sh", options=options)
    return [TerminalLine(words="Deploy run.sh", commands=commands, changes=True)]


def _job(job_type: JobType, name: str) -> str:
    return f"/api/jobs/{job_type.value}/{quoted(name)}"


def _query(given: Mapping[str, str] | Mapping[str, Sequence[str]]) -> str:
    query = urlencode(given, doseq=True)
    return f"?{query}" if query else ""
