"""The text format of Prometheus: joins what several processes say of themselves; pure."""

from collections.abc import Iterable, Mapping

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def joined(texts: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """One text of several, in which each family of metrics comes once.

    Args:
        texts: Each with the labels that its samples get, in the form that `generate_latest` writes.
    """
    families: dict[str, _Family] = {}
    for labels, text in texts:
        family = None
        added = rendered_labels(labels)
        for line in text.split("\n"):
            if line.startswith("# HELP "):
                family = families.setdefault(line.split(" ", 3)[2], _Family())
            if family is None or not line:
                continue
            family.take(line, added)
    return "".join(f"{line}\n" for family in families.values() for line in family.lines())


def value_in(text: str, name: str) -> int | None:
    """The value of a metric without labels, as a whole number; None when the text does not have it."""
    for line in text.split("\n"):
        if line.startswith(f"{name} "):
            return int(float(line.removeprefix(f"{name} ")))
    return None


def rendered_labels(labels: Mapping[str, str]) -> str:
    """Labels as they are written between braces."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())


class _Family:
    """One metric: its two comments from the first text that has it, and the samples of all."""

    def __init__(self) -> None:
        self._comments: dict[str, str] = {}
        self._samples: list[str] = []

    def take(self, line: str, added: str) -> None:
        """Add a line of a text whose samples get the labels `added`."""
        if line.startswith("#"):
            self._comments.setdefault(line[:6], line)
        else:
            self._samples.append(_labelled(line, added))

    def lines(self) -> list[str]:
        """The comments, then the samples."""
        return [*self._comments.values(), *self._samples]


def _labelled(sample: str, added: str) -> str:
    """A sample with more labels, before its own."""
    if not added:
        return sample
    brace, blank = sample.find("{"), sample.find(" ")
    if brace == -1 or blank < brace:
        return f"{sample[:blank]}{{{added}}}{sample[blank:]}"
    comma = "" if sample[brace + 1] == "}" else ","
    return f"{sample[: brace + 1]}{added}{comma}{sample[brace + 1 :]}"
