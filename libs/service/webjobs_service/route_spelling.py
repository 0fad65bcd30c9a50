"""Rewrites a request's address to the spelling of its route, which it matches in any case; pure.

Only the literal parts of a route and the names of its query parameters are rewritten. Captured parts and
values stay as the client wrote them, percent-encoding included.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

ANY_METHOD = "*"

_CAPTURE = re.compile(r"\{\w+(?::(?P<pattern>(?:[^{}]|\{[^{}]*\})+))?\}")
_WORDS = re.compile(r"\w+(?:\|\w+)+")
_REST = "{path:(?s:.*)}"
_MARK = "\0"  # stands for a capture while a path is cut into parts
_MAX_PATH_BYTES = 8190  # no route is looked for in a longer one


@dataclass(frozen=True, slots=True)
class SpelledRoute:
    """One route, as it is written.

    Attributes:
        method: Of the request; `*` for any.
        path: As aiohttp takes it, such as `/api/jobs/{type:triggered|continuous}/{job:[^/]+}`.
        parameters: Names of its query parameters.
    """

    method: str
    path: str
    parameters: tuple[str, ...] = ()


@dataclass(slots=True)
class _Node:
    """What the parts of the path so far can be followed by.

    Attributes:
        literals: By the part in lower case: its spelling, and what follows.
        affixed: Captures with literal text around them: prefix, suffix, and what follows.
        capture: What follows a part that is captured whole.
        ends: Query parameters of the routes that end here, by method; by lower-case name.
        rests: The same for routes that capture whatever follows.
    """

    literals: dict[str, tuple[str, "_Node"]] = field(default_factory=dict)
    affixed: list[tuple[str, str, "_Node"]] = field(default_factory=list)
    capture: "_Node | None" = None
    ends: dict[str, Mapping[str, str]] = field(default_factory=dict)
    rests: dict[str, Mapping[str, str]] = field(default_factory=dict)


_Match = tuple[tuple[str, ...], Mapping[str, Mapping[str, str]]]
"""The parts of a path as a route spells them, and the parameters of the routes with this path by method."""


class RouteSpelling:
    """A table of routes, by which addresses are spelled. A slash at the end does not matter."""

    def __init__(self, routes: Iterable[SpelledRoute]) -> None:
        self._root = _Node()
        for route in routes:
            for path in _paths(route.path):
                self._add(route, path)

    def of(self, method: str, target: str) -> str:
        """The target of a request, as in its first line, in the spelling of its route; else as it is.

        A target in absolute form keeps its scheme and host.
        """
        origin, path, question, query = _split(target)
        if not path or len(path) > _MAX_PATH_BYTES:
            return target
        match = self._match(method, path.split("/")[1:])
        if match is None:
            return target
        parts, parameters = match
        spelled = "/" + "/".join(parts)
        return f"{origin}{spelled}{question}{_spelled_query(query, parameters) if parameters else query}"

    def _match(self, method: str, parts: Sequence[str]) -> tuple[tuple[str, ...], Mapping[str, str]] | None:
        """The first route with this method, else the first with this path: literal parts go first."""
        methods = (method, "GET", ANY_METHOD) if method == "HEAD" else (method, ANY_METHOD)
        first: tuple[str, ...] | None = None
        for spelled, routes in _matches(self._root, parts, 0):
            found = next((each for each in methods if each in routes), None)
            if found is not None:
                return spelled, routes[found]
            first = first or spelled
        return (first, {}) if first is not None else None

    def _add(self, route: SpelledRoute, path: str) -> None:
        """Add one of the route's paths, whose captures are of any text."""
        node, parameters = self._root, {name.lower(): name for name in route.parameters}
        to_rest, has_rest, _ = path.partition(_REST)
        *parts, last = _CAPTURE.sub(_MARK, to_rest).split("/")[1:]
        for part in parts:
            node = _following(node, part)
        if has_rest:
            node.rests[route.method] = parameters
        else:
            _following(node, last).ends[route.method] = parameters


def _paths(path: str) -> list[str]:
    """The path with each word in place of a capture of words such as `{type:triggered|continuous}`."""
    words = next((each for each in _CAPTURE.finditer(path) if _WORDS.fullmatch(each["pattern"] or "")), None)
    if words is None:
        return [path]
    before, after = path[: words.start()], path[words.end() :]
    return [full for word in words["pattern"].split("|") for full in _paths(f"{before}{word}{after}")]


def _following(node: _Node, part: str) -> _Node:
    """The node behind a part of a route, made when it is missing."""
    if not part:  # of the path "/"
        return node
    if _MARK not in part:
        return _literal(node, part)
    if part == _MARK:
        node.capture = node.capture or _Node()
        return node.capture
    prefix, suffix = part.split(_MARK)  # no route has two captures in one part
    known = next((after for *affixes, after in node.affixed if affixes == [prefix, suffix]), None)
    if known is None:
        known = _Node()
        node.affixed.append((prefix, suffix, known))
    return known


def _literal(node: _Node, part: str) -> _Node:
    return node.literals.setdefault(part.lower(), (part, _Node()))[1]


def _matches(node: _Node, parts: Sequence[str], at: int) -> Iterator[_Match]:
    """Every way in which routes match the parts from `at` on."""
    left = parts[at:]
    if node.ends and left in ([], [""]):
        yield tuple(left), node.ends
    if left and left[0]:
        for spelled, after in _steps(node, left[0]):
            for rest, routes in _matches(after, parts, at + 1):
                yield (spelled, *rest), routes
    if node.rests and left:
        yield tuple(left), node.rests


def _steps(node: _Node, part: str) -> Iterator[tuple[str, _Node]]:
    """The ways on for one part of a path: how it is spelled, and what may follow."""
    plain = (unquote(part) if "%" in part else part).lower()
    if plain in node.literals:
        yield node.literals[plain]
    for prefix, suffix, after in node.affixed:
        inner = part[len(prefix) : len(part) - len(suffix)]
        if inner and part.lower() == f"{prefix}{inner}{suffix}".lower():
            yield f"{prefix}{inner}{suffix}", after
    if node.capture is not None:
        yield part, node.capture


def _split(target: str) -> tuple[str, str, str, str]:
    """A target as scheme and host, path, question mark, and query; no path when it has none."""
    address, question, query = target.partition("?")
    begin = 0 if address.startswith("/") else address.find("/", address.find("://") + 3)
    if "#" in target or begin < 0 or (begin > 0 and "://" not in address):
        return target, "", "", ""
    return address[:begin], address[begin:], question, query


def _spelled_query(query: str, names: Mapping[str, str]) -> str:
    return "&".join(_spelled_pair(pair, names) for pair in query.split("&")) if query else query


def _spelled_pair(pair: str, names: Mapping[str, str]) -> str:
    name, equals, value = pair.partition("=")
    spelled = names.get(unquote_plus(name).lower())
    return pair if spelled is None else f"{spelled}{equals}{value}"
