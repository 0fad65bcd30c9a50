"""Reads docker-compose.yml and the Dockerfile as Docker would, as far as the tests need it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")


def load_compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with variables filled in from `environment` or their defaults."""
    loaded: dict[str, Any] = _filled_in(
        yaml.safe_load((ROOT / "docker-compose.yml").read_text()), environment
    )
    return loaded


def _filled_in(value: Any, environment: Mapping[str, str]) -> Any:
    """As Compose does: after the YAML is parsed, so that what is filled in stays text."""
    match value:
        case dict():
            return {key: _filled_in(inner, environment) for key, inner in value.items()}
        case list():
            return [_filled_in(inner, environment) for inner in value]
        case str():
            return _VARIABLE.sub(lambda match: environment.get(match["name"]) or match["default"], value)
    return value


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
