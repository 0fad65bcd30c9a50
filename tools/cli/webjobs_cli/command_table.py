"""Every command: where it is and its line of help. No command is imported to list them."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A command that is imported when it runs."""

    target: str
    """`module:attribute` of the click command, below `webjobs_cli.commands`."""
    help: str
    """The same words as the first sentence of the command's docstring."""


SECTIONS: dict[str, dict[str, Entry]] = {
    "Jobs": {
        "jobs": Entry("jobs:jobs", "List the jobs, those that need attention first."),
        "ps": Entry("ps:ps", "List what runs now: runs, waiting ones included, and continuous jobs."),
        "why": Entry("why:why", "Say why a job does not run, and what to do about it."),
        "deploy": Entry(
            "deploy:deploy", "Upload a folder, a script or a zip archive as a job, all of its files."
        ),
        "import": Entry(
            "import_site:import_group",
            "Take over the jobs of another system, with their settings and their history.",
        ),
        "deps": Entry(
            "deps:deps",
            "Show the packages that a job needs, its lock, and the jobs that share its environment.",
        ),
        "delete": Entry("delete:delete", "Delete a job with its logs and its history, after a question."),
        "start": Entry("control:start", "Start a continuous job that was stopped."),
        "stop": Entry("control:stop", "Stop a continuous job on every runner, until it is started."),
        "restart": Entry("control:restart", "Restart a continuous job on every runner."),
    },
    "Runs": {
        "run": Entry("run:run", "Run a triggered job, with ARGUMENTS after --."),
        "rerun": Entry(
            "run:rerun",
            "Run a job again as it is now, with the arguments of RUN, or with ARGUMENTS after --.",
        ),
        "wait": Entry("wait:wait", "Wait for the end of a run; the exit code is that of the script."),
        "cancel": Entry(
            "cancel:cancel", "Cancel a run: its script is asked to end, and killed after its grace."
        ),
        "runs": Entry("runs:runs", "List runs, newest first: of JOB, or of all jobs."),
        "show": Entry("show:show", "Show a run and its story."),
        "logs": Entry("logs:logs", "Print the log of a run, or of a continuous job."),
    },
    "Settings, schedules, events": {
        "settings": Entry(
            "settings:settings",
            "Read and change the settings of a job, or with --app those of all jobs.",
        ),
        "schedule": Entry("schedule:schedule", "Show when jobs are due, and what an expression means."),
        "events": Entry("events:events", "Print events, one on a line"),
        "hooks": Entry("hooks:hooks", "Have addresses called when something happens"),
        "api": Entry("api:api", "Send any request to the HTTP API and print the body of the answer"),
    },
    "The stack": {
        "status": Entry(
            "status:status",
            "Show the parts of webjobs: releases, problems, lags and disks.",
        ),
        "up": Entry("up:up", "Run the whole stack here, NATS and Postgres included, until Ctrl-C."),
        "doctor": Entry("doctor:doctor", "Check this machine and the server, and say what to do."),
        "backup": Entry("backup:backup", "Write everything of a running stack into FILE."),
        "restore": Entry("backup:restore", "Restore a backup into a data folder that is new."),
        "repair": Entry("repair:repair", "Repair what damage has left."),
    },
    "Jobs without a server": {
        "exec": Entry("exec:exec_job", "Run a job's folder, zip or script here as a runner would."),
        "lint": Entry("lint:lint", "Check a job's folder, zip or script as a server does, without one."),
    },
    "This command line": {
        "context": Entry("context:context", "Name the servers that you work with, and choose one."),
        "completion": Entry(
            "completion:completion", "Print the script by which a shell completes commands and names."
        ),
        "schema": Entry("schema:schema", "Print the JSON Schema of what a command prints with --json."),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
