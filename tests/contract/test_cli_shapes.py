"""Stored samples of what commands print with `--json`: today's shapes still have every field of them.

A sample is never edited; a field that is added gets no new sample.
"""

import json
from pathlib import Path

import msgspec
import pytest
from webjobs_cli.shapes import PRINTED

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
        assert {name: printed.get(name) for name in each} == each
