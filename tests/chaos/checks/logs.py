"""Lines that scripts wrote = lines that are stored + lines that are counted as dropped."""

from collections.abc import Sequence
from random import Random

from chaos.jobs import ChaosJob
from chaos.round import JobEvents, Round
from support.client import lines_of
from webjobs_events.events import RunEnded

_RUNS_READ = 60
"""Of a round; reading all takes too long."""


async def logs_are_whole(this: Round, by_job: dict[str, JobEvents], random: Random) -> None:
    """Of some runs, chosen at random."""
    runs = [
        (job, event)
        for job in this.jobs_of_type("triggered")
        if job.name in by_job and not job.is_fleeting
        for _, event in sorted(by_job[job.name].final.items())
    ]
    for job, event in random.sample(runs, min(_RUNS_READ, len(runs))):
        await _log_is_whole(this, job, event)


async def _log_is_whole(this: Round, job: ChaosJob, event: RunEnded) -> None:
    run = await this.client.run_of(job.name, event.run_id)
    dropped = event.dropped_lines or 0
    # Where the runner was lost, what its scripts had written is lost as far as it had not read it.
    has_all = event.dropped_lines is not None and this.seen_by_scripts(job)["wrote"][event.run_id] > 0
    name = f"{job.name}/{event.run_id}"
    output = await _text_of(this, run["output_url"], event.output_log_bytes)
    errors = await _text_of(this, run.get("error_url"), event.error_log_bytes)
    missing = missing_lines(name, "line", "INFO", output, event.run_id, job.lines)
    missing += missing_lines(name, "error", "ERROR", errors, event.run_id, job.error_lines)
    if has_all:
        assert missing == dropped, f"{name}: {missing} lines are missing, {dropped} were counted as dropped"


async def _text_of(this: Round, url: str | None, size: int | None) -> str:
    """A log, which has the size that the final event gives."""
    if not url:
        assert not size, f"a log of {size} bytes has no address"
        return ""
    answer = await this.client.get(url)
    if answer.status == 404:
        assert not size, f"{url}: {answer.text}"
        return ""
    assert answer.status == 200, f"{url}: {answer.text}"
    assert size is None or len(answer.body) == size, f"{url} has {len(answer.body)} bytes instead of {size}"
    return answer.text


def missing_lines(name: str, word: str, level: str, log: str, run_id: str, count: int) -> int:
    """How many of the script's lines are not in its log; those that are must be in order, each once."""
    stored = [line.text for line in lines_of(log) if line.level == level]
    wanted = [f"{word} {number} of {run_id}" for number in range(1, count + 1)]
    assert _is_part_of(stored, wanted), f"{name} has doubled, strange or mixed lines: {stored[:50]}"
    return count - len(stored)


def _is_part_of(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether these lines are some of those, in the same order."""
    rest = iter(whole)
    return all(line in rest for line in part)
