"""A container engine, if there is one here, and the compose setup on it."""

import base64
import os
import re
import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from support.compose import ROOT, load_compose
from support.programs import find_program

PROJECT = "webjobs-tour"
# Read at once: tests run without the caller's variables.
BUILD_OPTIONS = os.environ.get("WEBJOBS_TEST_BUILD_OPTIONS", "")
"""More options for `docker build`, such as `--network=host --build-arg PYTHON_VERSION=3.11`."""
COMPOSE = os.environ.get("WEBJOBS_TEST_COMPOSE", "")
"""Another program than `docker compose`."""
_PULL_SECONDS = 120
_OURS = ("api", "history", "runner")


def run(*command: str, seconds: float = 600, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; its exit code is the caller's affair."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def compose_command() -> list[str]:
    """How Docker Compose 2 is called here, or nothing."""
    for command in (shlex.split(COMPOSE), ["docker", "compose"], ["docker-compose"]):
        is_there = command and find_program(command[0])
        if is_there and " v2" in run(*command, "version").stdout:
            return command
    return []


def what_is_missing() -> str:
    """What keeps the compose setup from running here; empty when nothing does."""
    if find_program("docker") is None:
        return "the program docker is not installed"
    answer = run("docker", "version", "--format", "{{.Server.Version}}")
    if answer.returncode:
        return f"no container engine answers: {answer.stderr.strip()}"
    if not compose_command():
        return "Docker Compose 2 is not installed (WEBJOBS_TEST_COMPOSE may name the program)"
    for image in base_images():
        if run("docker", "image", "inspect", image).returncode:
            try:
                pulled = run("docker", "pull", "--quiet", image, seconds=_PULL_SECONDS)
            except subprocess.TimeoutExpired:
                return f"the image {image} is not here and was not pulled within {_PULL_SECONDS} s"
            if pulled.returncode:
                return f"the image {image} is not here and cannot be pulled: {pulled.stderr.strip()}"
    return ""


def base_images() -> list[str]:
    """What the compose file and the Dockerfile begin with."""
    services = load_compose({})["services"].values()
    chosen = re.search(r"PYTHON_VERSION=(\S+)", BUILD_OPTIONS)
    default = re.search(r"(?m)^ARG PYTHON_VERSION=(\S+)", (ROOT / "Dockerfile").read_text())
    version = chosen or default
    assert version is not None
    return [f"python:{version[1]}-slim", *(each["image"] for each in services if "image" in each)]


def build_images() -> None:
    """The three images of this project, under the names that compose gives them."""
    for target in _OURS:
        options = [*shlex.split(BUILD_OPTIONS), "--target", target, "--tag", f"{PROJECT}-{target}"]
        built = run("docker", "build", *options, ".", seconds=1800)
        assert built.returncode == 0, f"{target}:\n{built.stdout[-3000:]}\n{built.stderr[-3000:]}"


@dataclass(frozen=True)
class Setup:
    """The compose setup, with ports of its own on this machine."""

    port: int
    nats_port: int

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "WEBJOBS_PORT": str(self.port),
            "NATS_PORT": str(self.nats_port),
        }

    def compose(self, *arguments: str) -> str:
        """What a command of compose prints; it must succeed."""
        return self._succeeded(run(*compose_command(), *arguments, **self.environment))

    def as_printed(self, command: str) -> str:
        """Run a line of the README as it stands, but for the port, and without building images."""
        line = command.replace(":8080", f":{self.port}").replace(" --build", "")
        line = line.replace("docker compose", shlex.join(compose_command()))
        return self._succeeded(run("bash", "-o", "pipefail", "-c", line, **self.environment))

    def containers(self, service: str) -> list[str]:
        """Ids of the running containers of a service."""
        return self.compose("ps", "--quiet", service).split()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Status and text of an answer of the api; 0 when there is none."""
        login = base64.b64encode(b"webjobs:webjobs").decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            method=method,
            headers={
                "Authorization": f"Basic {login}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status), response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def _succeeded(self, ended: "subprocess.CompletedProcess[str]") -> str:
        assert ended.returncode == 0, f"{ended.args}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
        return ended.stdout
