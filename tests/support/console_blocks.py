"""Which console blocks of the pages a test replays, and why some are examples only."""

REPLAYED = (
    "README.md",
    "docs/cli.md",
    "docs/how_to/coming_from_azure.md",
    "docs/how_to/coming_from_cron.md",
    "docs/how_to/coming_from_supervisor.md",
    "docs/http_api.md",
    "docs/tutorial.md",
    "docs/without_a_server.md",
)
"""Pages whose blocks `console` are replayed, but for the examples."""

EXAMPLES = {
    "$ docker compose up": "needs a container engine: `make test-compose` follows it",
    "$ curl --user ann:secret": "needs a server with a login: tests/integration/api/test_access.py",
    "$ curl -X POST --user eve:looks": "needs a viewer: tests/integration/api/test_viewers.py",
    "$ curl -i -d username=ann": "needs a server with a login: tests/integration/api/test_sessions.py",
    "$ curl http://127.0.0.1:8080/vfs/data/jobs/triggered/report/job_scheduler.log": "the log of four days",
    "$ curl -i -X PUT --data-binary @job.zip -H 'Content-Type: application/zip' -H 'Prefer": "goes on: "
    "tests/e2e/test_job_deployments.py",
    "$ curl http://127.0.0.1:8080/api/deployments/2013": "of a job with packages: the same test",
    "$ webjobs doctor": "says what this machine has: tests/integration/cli/test_doctor.py",
    "$ nats subscribe": "needs the program `nats`: the client in Python is tried by test_docs_example.py",
    "$ .venv/bin/python release/prepare.py": "makes a release: tests/unit/release/test_prepare.py",
}
"""The beginning of the first command of a block, and why no test replays it."""

SHELL_PAGES = {
    "docs/how_to/coming_from_azure.md": "the archives come from a site on Azure",
    "CONTRIBUTING.md": "make and git",
    "README.md": "make and nats, which the tests themselves are run by",
    "docs/cli.md": "a line for ~/.bashrc",
    "docs/configuration.md": "needs the program `nats`, or removes folders",
    "docs/development.md": "make, pip and a change of the source",
    "docs/scaling.md": "three servers, or make and pytest themselves",
    "docs/scripts.md": "lines of a script, tried by tests/integration/runner",
    "docs/tutorial.md": "starts the stack, which a test does in its own way",
    "docs/how_to/back_up.md": "tried by the tests of `webjobs backup` and `webjobs restore`",
    "docs/how_to/packages.md": "one command, tried by tests/e2e/test_job_deployments.py",
    "docs/how_to/systemd.md": "systemd",
    "docs/how_to/upgrade.md": "systemd and pip",
}
"""Pages with blocks `sh`, whose commands print nothing that is shown, and why no test runs them."""


def is_example(block: str) -> bool:
    """Whether a block is shown as an example only."""
    return block.startswith(tuple(EXAMPLES))
