"""For scripts in Python: report a result, and how far the run is. Needs the standard library only.

Outside of webjobs, where the two variables are not set, both functions do nothing.
"""

import json
import os
from typing import Any

__all__ = ["progress", "result"]


def result(value: Any) -> None:
    """Report the result of this run; the last call counts.

    Args:
        value: What JSON can hold. Up to 4 kB are in the final event and in the api; up to 1 MB in a file.

    Raises:
        TypeError: JSON cannot hold it.
        ValueError: It holds NaN or an infinite number, or itself.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    path = os.environ.get("WEBJOBS_RESULT_FILE")
    if path:
        unfinished = f"{path}.{os.getpid()}"
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(unfinished, path)  # a script that is killed meanwhile has the result before


def progress(share: float, text: str = "") -> None:
    """Report how far this run is.

    Args:
        share: From 0 to 1; what is beyond counts as 0 or 1.
        text: What it does now, such as `loading`.

    Raises:
        ValueError: The share is no number.
    """
    number = float(share)
    if number != number:
        raise ValueError("The share of the progress is no number; give one from 0 to 1.")
    bounded = min(1.0, max(0.0, number))
    path = os.environ.get("WEBJOBS_PROGRESS_FILE")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{bounded:.4f} {' '.join(text.split())}\n")
