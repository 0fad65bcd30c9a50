"""docs/client.md names every method and every error of the client."""

import re
from pathlib import Path

from webjobs_client import ERRORS, Client

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text()


def test_every_method_is_named() -> None:
    methods = {name for name in vars(Client) if not name.startswith("_")} - {"close"}
    table = PAGE.split("## The rest")[1].split("\n\n")[1]
    assert set(re.findall(r"`(\w+)`", table)) == methods


def test_every_error_is_named_with_its_code() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == {(error.__name__, error.code) for error in ERRORS}
