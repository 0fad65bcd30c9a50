"""Stored samples of what commands print with `--json`: today's shapes still have every field of them.

A sample is never edited; a field that is added gets no new sample.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from webjobs_cli.shapes.printed import PRINTED

SAMPLES = Path(__file__).parent / "cli"


@pytest.mark.parametrize("command", sorted(PRINTED))
def test_the_shape_of_a_command_keeps_the_fields_of_its_sample(command: str) -> None:
    path = SAMPLES / f"{command.replace(' ', '_')}.json"
    assert path.exists(), f"{command} has no sample: write one into {path.relative_to(SAMPLES.parents[2])}"
    sample = json.loads(path.read_text("utf-8"))
    assert isinstance(sample, list) == (PRINTED[command].form != "object")
    for each in sample if isinstance(sample, list) else [sample]:
        value = msgspec.convert(each, PRINTED[command].type)
        printed = json.loads(msgspec.json.encode(value))
        assert part_in(each, printed) == each


def part_in(sample: Any, printed: Any) -> Any:
    """What is printed of the fields that the sample has, at any depth."""
    if isinstance(sample, dict) and isinstance(printed, dict):
        return {name: part_in(value, printed.get(name)) for name, value in sample.items()}
    if isinstance(sample, list) and isinstance(printed, list) and len(sample) == len(printed):
        return [part_in(*pair) for pair in zip(sample, printed, strict=True)]
    return printed
