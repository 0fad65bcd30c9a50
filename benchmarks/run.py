"""`make bench`: runs the benchmarks one after the other; JSON on standard output, a table on standard error.

`make bench ARGS="invoke restart"` runs those named. Exit code 0 says that all could be measured, whether or
not their goals are met.
"""

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from figures import Figure
from live_stack import KEEP, fresh_folder

BENCHMARKS = (
    "invoke",
    "throughput",
    "queued",
    "dependencies",
    "peers",
    "messages",
    "projection",
    "rebuild",
    "capture",
    "restart",
    "idle_jobs",
    "startup",
    "command_line",
    "reads",
    "overview",
    "log_window",
    "log_follow",
    "dashboard",
)
_LONGEST = 150.0  # seconds that one benchmark may take
_FOLDER = Path(__file__).parent


class Report(msgspec.Struct, kw_only=True):
    """Everything measured in one go, and where."""

    at: datetime
    commit: str
    cores: int
    system: str
    python: str
    load_before: float
    load_after: float
    seconds: float
    figures: dict[str, list[Figure]]
    failed: dict[str, str]


def measure(name: str, folder: Path) -> list[Figure] | str:
    """One benchmark's figures, or why there are none."""
    print(f"{name}:", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            [sys.executable, _FOLDER / f"{name}.py"],
            stdout=subprocess.PIPE,
            timeout=_LONGEST,
            check=True,
            env={**os.environ, "TMPDIR": str(folder), KEEP: "1"},
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {_LONGEST:g} s"
    except subprocess.CalledProcessError as error:
        return f"it ended with exit code {error.returncode}"
    *_, figures = done.stdout.splitlines()  # lines before them are of code that logs
    return msgspec.json.decode(figures, type=list[Figure])


def commit() -> str:
    """The commit that is measured, marked when files differ from it."""
    described = subprocess.run(
        ["git", "-C", _FOLDER, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def table(report: Report) -> str:
    """The figures for a reader, one line each; in the form that README.md keeps."""
    rows = [["What", "Ours", "Yardstick", "Ratio", "Goal", "Stretch", "Verdict", "Rounds"]]
    for figures in report.figures.values():
        for figure in figures:
            rows.append(_row(figure))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(figure: Figure) -> list[str]:
    sign = "≤" if figure.better == "lower" else "≥"
    unit = "x" if figure.judged == "ratio" else f" {figure.unit}"
    yardstick = "" if figure.yardstick_value is None else f"{figure.yardstick_value:.3g} {figure.unit}"
    return [
        figure.what,
        f"{figure.value:.3g} {figure.unit}",
        f"{yardstick} ({figure.yardstick})",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        f"{sign} {figure.goal:g}{unit}",
        f"{sign} {figure.stretch:g}{unit}",
        "met" if figure.is_met else "missed",
        f"{min(figure.rounds):.3g} to {max(figure.rounds):.3g}" if figure.rounds else "",
    ]


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    began, load_before = time.monotonic(), os.getloadavg()[0]
    with fresh_folder() as folder:
        results = {name: measure(name, folder) for name in names or BENCHMARKS}
    report = Report(
        at=datetime.now(UTC),
        commit=commit(),
        cores=os.cpu_count() or 0,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        seconds=round(time.monotonic() - began, 1),
        figures={name: result for name, result in results.items() if not isinstance(result, str)},
        failed={name: result for name, result in results.items() if isinstance(result, str)},
    )
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    print(f"\n{table(report)}", file=sys.stderr)
    for name, reason in report.failed.items():
        print(f"{name} was not measured: {reason}", file=sys.stderr)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
