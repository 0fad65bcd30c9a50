"""Reads docker-compose.yml and the Dockerfile as Docker would, as far as the tests need it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def compose_text() -> str:
    """The file as written."""
    return (ROOT / "docker-compose.yml").read_text()


def load_compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with variables filled in from `environment` or their defaults."""
    loaded: dict[str, Any] = yaml.safe_load(interpolate(compose_text(), environment))
    return loaded


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """`${NAME:-default}` replaced; a variable with neither value nor default is a KeyError."""

    def value(match: re.Match[str]) -> str:
        given = environment.get(match["name"])
        if given:
            return given
        if match["default"] is None:
            raise KeyError(match["name"])
        return match["default"]

    return _VARIABLE.sub(value, text)


def targets() -> dict[str, dict[str, Any]]:
    """Per build target of the Dockerfile: its `base`, its `env` and its `cmd`, inherited ones included."""
    stages: dict[str, dict[str, Any]] = {}
    name = ""
    for line in _instructions():
        word, _, rest = line.partition(" ")
        match word:
            case "FROM":
                base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
                inherited = stages.get(base, {"env": {}, "cmd": None})
                stages[name] = {**inherited, "base": base, "env": dict(inherited["env"])}
            case "ENV":
                stages[name]["env"].update(pair.split("=", 1) for pair in rest.split())
            case "CMD":
                stages[name]["cmd"] = json.loads(rest)
    return stages


def _instructions() -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
