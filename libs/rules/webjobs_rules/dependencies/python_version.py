"""Whether a version of Python fits `requires-python`: the part of PEP 440 that versions of Python need."""

import re
from collections.abc import Callable, Mapping

from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesRefused

_Release = tuple[int, ...]

_CLAUSE = re.compile(
    r"\s*(===|==|!=|<=|>=|~=|<|>)\s*v?(\d+(?:\.\d+)*)(\.\*)?(?:\.?(?:a|b|rc|dev|post)\d*)*\s*"
)
_VERSION = re.compile(r"\d+(?:\.\d+)*")
_EQUALITIES = ("==", "===", "!=")
_COMPARISONS: Mapping[str, Callable[[_Release, _Release], bool]] = {
    "<=": lambda version, bound: version <= bound,
    ">=": lambda version, bound: version >= bound,
    "<": lambda version, bound: version < bound,
    ">": lambda version, bound: version > bound,
    "==": lambda version, bound: version == bound,
    "===": lambda version, bound: version == bound,
    "!=": lambda version, bound: version != bound,
}


def fits(version: str, requires: str) -> bool:
    """Whether a version such as `3.12.1` fits a text such as `>=3.11,<4`; every version fits an empty one.

    Raises:
        DependenciesRefused: The text is not understood.
    """
    return all(clause(release_of(version)) for clause in _clauses(requires))


def release_of(version: str) -> _Release:
    """The numbers of a version, without what follows them."""
    found = _VERSION.match(version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _clauses(requires: str) -> list[Callable[[_Release], bool]]:
    found = []
    for text in requires.split(","):
        if not text.strip():
            continue
        clause = _CLAUSE.fullmatch(text)
        if clause is None:
            raise DependenciesRefused(
                PreparationStage.READ,
                f"requires-python: {requires[:100]!r} is not understood. Write it like >=3.11,<4.",
            )
        found.append(_clause(clause[1], release_of(clause[2]), bool(clause[3])))
    return found


def _clause(operator: str, bound: _Release, is_prefix: bool) -> Callable[[_Release], bool]:
    if operator == "~=":
        return lambda version: _padded(version) >= _padded(bound) and version[: len(bound) - 1] == bound[:-1]
    if is_prefix and operator in _EQUALITIES:  # elsewhere older tools wrote .* and meant nothing by it
        return lambda version: (version[: len(bound)] == bound) is (operator != "!=")
    compare = _COMPARISONS[operator]
    return lambda version: compare(_padded(version), _padded(bound))


def _padded(release: _Release) -> _Release:
    return release + (0,) * (6 - len(release))
