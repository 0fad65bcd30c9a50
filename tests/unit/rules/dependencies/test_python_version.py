"""Which versions of Python fit requires-python."""

import pytest
from webjobs_rules.dependencies.python_version import fits
from webjobs_rules.errors import DependenciesRefused


@pytest.mark.parametrize(
    ("version", "requires", "expected"),
    [
        ("3.11.7", "", True),
        ("3.11.7", ">=3.11", True),
        ("3.11.7", ">=3.12", False),
        ("3.11.7", ">=3.10,<3.12", True),
        ("3.12.0", ">=3.10, <3.12", False),
        ("3.12.1", "==3.12.*", True),
        ("3.13.1", "==3.12.*", False),
        ("3.12.1", "!=3.12.*", False),
        ("3.12.1", "~=3.11", True),
        ("4.0.0", "~=3.11", False),
        ("3.12.1", "~=3.12.0", True),
        ("3.13.0", "~=3.12.0", False),
        ("3.11.0", "==3.11", True),
        ("3.11.1", ">3.11", True),
        ("3.14.0rc1", ">=3.14", True),
        ("3.9.1", "<=3.10", True),
        ("3.12.1", ">=3.6.*", True),
        ("3.5.1", ">=3.6.*", False),
        ("3.12.1", ">=3.9.*,<3.13.*", True),
        ("3.13.0", "<3.13.*", False),
        ("3.12.1", "~=3.11.*", True),
    ],
)
def test_clauses(version: str, requires: str, expected: bool) -> None:
    assert fits(version, requires) is expected


@pytest.mark.parametrize("requires", ["3.11", "latest", ">=three", "^3.11", ">= 3.11 and less"])
def test_what_is_not_understood_is_refused(requires: str) -> None:
    with pytest.raises(DependenciesRefused, match="is not understood"):
        fits("3.11.7", requires)
